"""The console of any worker shows the sessions of all of them."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from runtime.config import ServerAddress
from runtime.errors import UnreachableError
from tests.console.test_access import cookie_of, opened
from tests.console.test_live import Watcher

from .served import WithWorkers, echo, with_workers

# So many pages, that both workers get some: 1 in 128 runs of a test sees one only.
PAGES = 8


@dataclass
class Port:
    """The HTTP port of the workers, as the helpers of other rooms know one."""

    address: ServerAddress


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithWorkers]:
    """One server for all tests of this file."""
    folder = tmp_path_factory.mktemp("console")
    with with_workers(folder, http="console = true") as found:
        yield found
        assert found.serve.stop() == 0


@asynccontextmanager
async def page_of(served: WithWorkers) -> AsyncIterator[Watcher]:
    """A page that has signed in, at some worker."""
    host, _, port = served.http_address.rpartition(":")
    server: Any = Port(ServerAddress(host, int(port)))
    cookie = await cookie_of(server, "scraper")
    async with await opened(server, cookie) as stream:
        yield Watcher(stream)


async def until(page: Watcher, kind: str, is_wanted: Callable[[Any], bool]) -> Any:
    """Return the first message of a kind that is wanted."""
    with trio.fail_after(20):
        while not is_wanted(message := await page.next(kind)):
            pass
        return message


def have_answered(shown: Any) -> bool:
    """Return whether both workers have; on a busy machine one may be late."""
    return all(worker["answers"] for worker in shown["server"]["workers"])


async def test_the_list_has_the_sessions_of_both_workers(served: WithWorkers) -> None:
    async with served.stream_at(0) as first, served.stream_at(1) as second:
        both = {first.session_id, second.session_id}
        for _ in range(PAGES):
            async with page_of(served) as page:
                await page.watch()
                shown = await until(page, "sessions", have_answered)
                assert {each["session_id"] for each in shown["sessions"]} == both
                server = shown["server"]
                workers = [(w["number"], w["answers"], w["sessions"]) for w in server["workers"]]
                assert workers == [(0, True, 1), (1, True, 1)]
                assert server["max_sessions"] == 4
                assert sum(server["states"].values()) == 2


async def test_the_page_of_a_session_comes_from_the_worker_that_has_it(
    served: WithWorkers,
) -> None:
    async with served.stream_at(0) as first, served.stream_at(1) as second:
        await echo(first)
        await echo(second)
        for _ in range(PAGES // 2):
            async with page_of(served) as page:
                for stream in (first, second, first):
                    await page.watch(stream.session_id)
                    shown = await page.next("session")
                    while shown["session"]["session_id"] != stream.session_id:
                        shown = await page.next("session")
                    assert [node["node_id"] for node in shown["session"]["nodes"]] == ["n0"]
                await page.watch()
                listed = await page.next("sessions")
                assert len(listed["sessions"]) == 2


async def test_taps_logs_and_history_of_a_session_of_any_worker_are_shown(
    served: WithWorkers,
) -> None:
    async with served.stream_at(1) as stream:
        for number in (0, 1):
            async with page_at(served, number) as page:
                await page.watch(stream.session_id)
                assert (await page.next("log"))["lines"]
                for _ in range(3):  # a second apart: there is a sample of the session now
                    await page.next("session")
                await page.watch()
                await page.next("sessions")
                await page.watch(stream.session_id)
                assert (await page.next("history"))["session_id"] == stream.session_id
                await page.watch(stream.session_id, "n0")
                await page.next("session")  # of the view with the tap, or of the one before
                tapped = None
                with trio.fail_after(20):
                    while tapped is None:
                        await echo(stream)
                        message = await page.next_of_any()
                        tapped = message if message["type"] == "tap" else None
                assert tapped["node"] == "n0"
                assert json.dumps(tapped["output"])


async def test_the_end_of_a_session_of_any_worker_is_shown(served: WithWorkers) -> None:
    for number in (0, 1):
        async with served.stream_at(number) as stream:
            session = stream.session_id
            async with page_of(served) as page, page_of(served) as other:
                for each in (page, other):
                    await each.watch(session)
                    await each.next("session")
                await stream.close()
                while await stream.receive() is not None:
                    pass
                for each in (page, other):
                    ended = await each.next("ended")
                    assert ended["ending"]["outcome"] == "completed"
                    await each.watch()
                    await until(each, "sessions", lambda shown: not shown["sessions"])
                    found = await until(each, "endings", lambda shown: bool(shown["endings"]))
                    assert session in {ending["session_id"] for ending in found["endings"]}


async def test_a_page_survives_the_worker_that_shows_its_session(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        served = stack.enter_context(with_workers(tmp_path, http="console = true"))
        stack.enter_context(pytest.raises(UnreachableError))
        stream = await stack.enter_async_context(served.stream_at(0))
        page = await stack.enter_async_context(page_at(served, 1))
        await page.watch(stream.session_id)
        await page.next("session")
        served.worker(0).kill()
        assert (await page.next("ended"))["session_id"] == stream.session_id
        await page.watch()
        answering = [True, True]
        await until(page, "sessions", lambda shown: answers(shown) == answering)
        await stream.receive()


def answers(shown: Any) -> list[bool]:
    """Return which workers answer."""
    return [worker["answers"] for worker in shown["server"]["workers"]]


@asynccontextmanager
async def page_at(served: WithWorkers, number: int) -> AsyncIterator[Watcher]:
    """A page that a certain worker is connected to: connect until the kernel chooses that one."""
    for _ in range(64):
        async with AsyncExitStack() as stack:
            page = await stack.enter_async_context(page_of(served))
            connections = served.worker(number).net_connections("tcp")
            if (page.port,) in {each.raddr[1:2] for each in connections}:
                kept = stack.pop_all()
                break
    else:
        raise AssertionError(f"no connection in 64 came to worker {number}")
    async with kept:
        yield page
