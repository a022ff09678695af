"""What the server sends to a page, without a browser."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from actors import Text
from runtime import Runtime
from runtime.console.history import Histories
from runtime.http import HttpServer
from tests.console.serving import console_port
from tests.console.test_access import cookie_of, opened, text_frame
from tests.session.pipelines import manifest


class Watcher:
    """A page's WebSocket."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._rest = b""

    @property
    def port(self) -> int:
        """The port of this end."""
        return int(self._stream.socket.getsockname()[1])

    async def watch(self, session: str = "", tap: str = "") -> None:
        """State what the page shows."""
        view = json.dumps({"session": session, "tap": tap})
        await self._stream.send_all(text_frame(view))

    async def next(self, kind: str) -> Any:
        """Return the next message of a kind."""
        with trio.fail_after(20):
            while True:
                message = json.loads(await self._text())
                if message["type"] == kind:
                    return message

    async def next_of_any(self) -> Any:
        """Return the next message."""
        with trio.fail_after(20):
            return json.loads(await self._text())

    async def _text(self) -> bytes:
        while True:
            head = await self._take(2)
            length = head[1]
            if length > 125:
                length = int.from_bytes(await self._take(2 if length == 126 else 8))
            data = await self._take(length)
            assert head[0] in (0x81, 0x89), head
            if head[0] == 0x81:
                return data

    async def _take(self, count: int) -> bytes:
        while len(self._rest) < count:
            data = await self._stream.receive_some()
            assert data, "the server has closed the connection"
            self._rest += bytes(data)
        taken, self._rest = self._rest[:count], self._rest[count:]
        return taken


@asynccontextmanager
async def watcher(server: HttpServer) -> AsyncIterator[Watcher]:
    """A page that has signed in."""
    async with await opened(server, await cookie_of(server)) as stream:
        yield Watcher(stream)


@pytest.fixture
def unreported() -> Iterator[None]:
    """Keep records that are not Unicode out of the test's report, which cannot hold them."""

    def is_unicode(record: logging.LogRecord) -> bool:
        return record.getMessage().isascii()

    reporting = [each for each in logging.root.handlers if "pytest" in type(each).__module__]
    for handler in reporting:
        handler.addFilter(is_unicode)
    yield
    for handler in reporting:
        handler.removeFilter(is_unicode)


@pytest.mark.usefixtures("unreported")
async def test_a_log_line_that_is_not_unicode_reaches_the_page(runtime: Runtime) -> None:
    async with (
        console_port(runtime) as (server, _),
        runtime.open_session(manifest({"a": "PassThrough"})) as session,
        watcher(server) as page,
    ):
        own = {"session": session.id, "node": "a"}
        logging.getLogger("millrace.node.a").warning("bytes \udc80 of a node", extra=own)
        await page.watch(session.id)
        lines = (await page.next("log"))["lines"]
        assert lines[-1]["text"] == "bytes \udc80 of a node"
        assert lines[-1]["node"] == "a"


async def test_lines_and_sessions_are_kept_within_bounds(runtime: Runtime) -> None:
    async with console_port(runtime) as (_, console):
        assert console is not None
        log, lines = logging.getLogger("millrace.node.a"), console.state.log_lines
        for number in range(300):
            log.warning("line %d", number, extra={"session": "one"})
        kept = lines.after("one", 0)
        assert [kept[0].text, kept[-1].text, len(kept)] == ["line 100", "line 299", 200]
        for number in range(250):
            log.warning("first", extra={"session": f"other {number}"})
        assert lines.after("one", 0) == []
        for number in range(20):
            for _ in range(200):
                log.warning("\N{GRINNING FACE}" * 5000, extra={"session": f"long {number}"})
        assert lines.after("long 0", 0) == []
        assert lines.after("long 19", 0)


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_page_receives_what_was_before_it_was_opened_once(
    runtime: Runtime, place: str
) -> None:
    async with (
        console_port(runtime) as (server, console),
        runtime.open_session(manifest({"a": "PassThrough"}, places={"a": place})) as session,
        watcher(server) as page,
    ):
        assert console is not None
        histories = console.state.histories
        await session.wait_ready()
        await histories.sample()
        for number in range(50):
            await session.send(Text(f"{number}"))
            await session.receive()
        session.refresh_statistics()
        while session.statistics()["a"].items_in < 50:
            await trio.lowlevel.checkpoint()
        await histories.sample()
        await page.watch(session.id)
        history = await page.next("history")
        clocks, rows = history["clocks"], history["rows"]
        assert set(rows) == {"", "a"}
        assert len(clocks) >= 2
        assert clocks == sorted(clocks)
        for row in rows.values():
            spans = zip(row["in_rate"][1:], clocks, clocks[1:], strict=False)
            assert sum(rate * (end - begin) for rate, begin, end in spans) == pytest.approx(
                50, 0.01
            )
            assert row["in_rate"][0] is None
            assert row["p99_ms"][-1] > 0
        await page.next("session")
        await page.watch(session.id, tap="a")
        seen = [await page.next_of_any() for _ in range(3)]
        assert "history" not in [message["type"] for message in seen]
        await page.watch()
        await page.next("sessions")
        await page.watch(session.id)
        await page.next("history")


async def test_the_history_of_sessions_is_bounded(runtime: Runtime) -> None:
    histories = Histories(runtime)
    async with runtime.open_session(manifest({"a": "PassThrough"})) as session:
        for _ in range(310):
            await histories.sample()
        history = json.loads(await histories.text(session.id))
        assert len(history["clocks"]) == 300
        assert history["clocks"] == sorted(history["clocks"])
        assert {len(row[field]) for row in history["rows"].values() for field in row} == {300}
    await histories.sample()
    assert await histories.text(session.id) == ""


async def test_sessions_beyond_the_bound_have_no_history(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runtime.console.history._MOST_ROWS", 3)
    histories = Histories(runtime)
    pipeline = manifest({"a": "PassThrough"})
    async with runtime.open_session(pipeline) as one, runtime.open_session(pipeline) as two:
        await histories.sample()
        assert await histories.text(one.id)
        assert await histories.text(two.id) == ""


async def test_pages_that_show_the_same_share_its_snapshots(runtime: Runtime) -> None:
    async with (
        console_port(runtime) as (server, console),
        runtime.open_session(manifest({"a": "PassThrough"})) as session,
        watcher(server) as one,
        watcher(server) as other,
    ):
        assert console is not None
        await one.watch(session.id)
        first = await one.next("session")
        await other.watch(session.id)
        assert await other.next("session") == first
        assert await one.next("session") == await other.next("session")


async def test_a_failing_snapshot_ends_neither_the_console_nor_the_server(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with console_port(runtime) as (server, _), watcher(server) as page:
        with monkeypatch.context() as patch:
            patch.setattr(runtime.metrics, "usage", fail)
            await page.watch()
            await page.next("failed")
        await page.watch("none")
        assert (await page.next("ended"))["ending"] is None
        await page.watch()
        await page.next("sessions")


async def test_an_output_without_a_preview_is_shown_as_that(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("runtime.console.shown_page.preview", fail)
    async with (
        console_port(runtime) as (server, _),
        runtime.open_session(manifest({"a": "PassThrough"})) as session,
        watcher(server) as page,
    ):
        await page.watch(session.id, "a")
        await page.next("session")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_send, session)
            output = (await page.next("tap"))["output"]
            nursery.cancel_scope.cancel()
        assert output == {"kind": "text", "error": "no preview: ZeroDivisionError: by zero"}
        await page.watch(session.id, "no such node")
        assert "no such node" in (await page.next("tap_failed"))["error"]


async def _send(session: Any) -> None:
    while True:
        await session.send(Text("x"))
        await session.receive()


async def test_the_list_has_the_shared_memory_of_all_sessions(runtime: Runtime) -> None:
    pipeline = manifest({"a": "PassThrough"}, places={"a": "multiprocess"})
    async with (
        console_port(runtime) as (server, _),
        runtime.open_session(pipeline) as session,
        watcher(server) as page,
    ):
        await session.send(Text("x" * 100_000))
        await session.receive()
        await page.watch()
        shown = (await page.next("sessions"))["server"]
        snapshot = await runtime.metrics.collect()
        assert shown["shared_memory_bytes"] == snapshot.usage.shared_memory_bytes > 0
