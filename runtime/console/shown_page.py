"""One page: what it watches, and what is sent to it, also by the worker that has the session."""

import dataclasses
from contextlib import AsyncExitStack
from typing import Any, Final, Protocol

import msgspec
import trio

from actors import Data

from ..errors import MillraceError, UnwrappedErrors
from ..latency import summary_value
from ..service import BytesFromPeer, BytesToPeer, CallError, Peer, Peers
from ..session import Session, SessionLatency
from .feeds import Feed
from .other_workers import PAGE
from .previews import preview
from .snapshots import encoded, endings_text
from .state import ConsoleState

_MOST_REQUEST_CHARACTERS: Final = 4096
# Of a tapped node, this many outputs a second leave it; between them it is not tapped.
_TAPS_PER_SECOND: Final = 4
_LATENCY_SECONDS: Final = 1.0


class _View(msgspec.Struct, forbid_unknown_fields=True):
    """What a page watches.

    Attributes:
        session: the id; "" for the list of sessions.
        tap: a node of the session, whose outputs are shown; "" for none.
        explain: whether chunks are followed, to show where the latency of their results goes.
    """

    session: str = ""
    tap: str = ""
    explain: bool = False


class PageChannel(Protocol):
    """Texts to a page and from it."""

    async def receive(self) -> str | None:
        """Return what the page wants to watch, as JSON; None when it has left."""

    async def send(self, text: str) -> None:
        """Send an object as JSON."""

    async def refuse(self) -> None:
        """End the connection: the page has sent what is not understood."""


async def show_to_worker(console: ConsoleState, call: BytesFromPeer) -> None:
    """Show sessions of this worker to a page that another worker is connected to."""
    await ShownPage(console, _PageOfWorker(call), None).run()


class _PageOfWorker:
    def __init__(self, call: BytesFromPeer) -> None:
        self._call = call

    async def receive(self) -> str | None:
        body = await self._call.receive_bytes()
        return None if body is None else body.decode()

    async def send(self, text: str) -> None:
        await self._call.send_bytes(text.encode())

    async def refuse(self) -> None:
        pass  # the call ends


class ShownPage:
    """A page that is connected.

    Args:
        console: what it shows.
        page: to and from it.
        peers: the other workers, which show their sessions; None: only those of this one are shown.
    """

    def __init__(self, console: ConsoleState, page: PageChannel, peers: Peers | None) -> None:
        self._console = console
        self._page = page
        self._peers = peers
        self._view = _View()
        self._view_changed = trio.Event()
        self._shown_session = ""
        # None waits: what is shown next is made when the message before has been sent.
        self._outgoing, self._to_send = trio.open_memory_channel[str](0)

    async def run(self) -> None:
        """Run until the page leaves."""
        async with self._outgoing, self._to_send, trio.open_nursery() as nursery:
            nursery.start_soon(self._send_all)
            nursery.start_soon(self._show_views)
            await self._receive_views()
            nursery.cancel_scope.cancel()

    async def _send_all(self) -> None:
        """Send each message to its end: a change of the view must not cut one off."""
        async for text in self._to_send:
            await self._page.send(text)

    async def _receive_views(self) -> None:
        """Take what the page wants to watch, as often as it changes its mind."""
        while (text := await self._page.receive()) is not None:
            try:
                if len(text) > _MOST_REQUEST_CHARACTERS:
                    raise msgspec.ValidationError
                self._view = msgspec.json.decode(text, type=_View)
            except (msgspec.MsgspecError, RecursionError):
                await self._page.refuse()
                return
            self._view_changed.set()

    async def _show_views(self) -> None:
        watched = AsyncExitStack()
        try:
            while True:
                await self._view_changed.wait()
                self._view_changed = trio.Event()
                owner = None if self._peers is None else self._peers.owner(self._view.session)
                if owner is not None:
                    await watched.pop_all().aclose()
                    await self._show_from(owner, self._view.session)
                    continue
                # The feed before is left after the next has begun: the same one goes on.
                before = watched.pop_all()
                feed = watched.enter_context(self._console.feeds.watched(self._view.session))
                session = self._console.runtime.sessions.get(self._view.session)
                latency = None
                if session is not None and self._view.explain:
                    latency = await watched.enter_async_context(session.explained())
                await before.aclose()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._show, self._view, feed)
                    if session is not None and latency is not None:
                        nursery.start_soon(self._show_latency, session, latency)
                    await self._view_changed.wait()
                    nursery.cancel_scope.cancel()
        finally:
            # It shields itself, within a bound.
            await watched.aclose()  # noqa: ASYNC102

    async def _show_from(self, owner: Peer, session_id: str) -> None:
        """Let another worker show a session, until the page watches something else."""
        self._shown_session = ""
        try:
            with UnwrappedErrors():
                async with (
                    owner.call_with_bytes(PAGE) as call,
                    trio.open_nursery() as nursery,
                ):
                    nursery.start_soon(self._pass_on, call)
                    while self._view.session == session_id:
                        await call.send_bytes(msgspec.json.encode(self._view))
                        await self._wait_view_changed(session_id)
                    nursery.cancel_scope.cancel()
        except CallError:
            # The worker has ended, and the session with it.
            await self._outgoing.send(self._console.feeds.ending(session_id))
            while self._view.session == session_id:
                await self._wait_view_changed(session_id)

    async def _wait_view_changed(self, session_id: str) -> None:
        """Wait for the next view; one of another session is left to `_show_views`."""
        await self._view_changed.wait()
        if self._view.session == session_id:
            self._view_changed = trio.Event()

    async def _pass_on(self, call: BytesToPeer) -> None:
        while (body := await call.receive_bytes()) is not None:
            await self._outgoing.send(body.decode())

    async def _show(self, view: _View, feed: Feed) -> None:
        session = self._console.runtime.sessions.get(view.session)
        async with trio.open_nursery() as nursery:
            if view.tap and session is not None:
                nursery.start_soon(self._show_tap, session, view.tap)
            await self._send_snapshots(feed, view.session)

    async def _send_snapshots(self, feed: Feed, session_id: str) -> None:
        await self._send_history(session_id)
        number = last_line = last_ending = 0
        while not (number and feed.has_ended and number == feed.number):
            await feed.wait_after(number)
            # The newest one: those before it that were not sent in time are left out.
            number, text = feed.number, feed.text
            await self._outgoing.send(text)
            if session_id:
                last_line = await self._send_log(session_id, last_line)
            else:
                last_ending = await self._send_endings(last_ending)

    async def _send_history(self, session_id: str) -> None:
        """Send what was before a page of a session was opened, once."""
        if session_id == self._shown_session:
            return
        text = await self._console.histories.text(session_id)
        if text:
            await self._outgoing.send(text)
        self._shown_session = session_id

    async def _send_log(self, session_id: str, last_line: int) -> int:
        lines = self._console.log_lines.after(session_id, last_line)
        if not lines:
            return last_line
        shown = [dataclasses.asdict(line) for line in lines]
        await self._outgoing.send(encoded(type="log", session_id=session_id, lines=shown))
        return lines[-1].number

    async def _send_endings(self, last_ending: int) -> int:
        found = self._console.runtime.endings.after(last_ending)
        if not found:
            return last_ending
        await self._outgoing.send(endings_text(found))
        return found[-1].number

    async def _show_latency(self, session: Session, latency: SessionLatency) -> None:
        """Show each second where the latency goes, and once more when the session has ended."""
        has_ended = False
        while not has_ended:
            with trio.move_on_after(_LATENCY_SECONDS):
                await session.ended.wait()
            has_ended = session.ended.is_set()
            value = summary_value(await latency.summary(is_last=has_ended))
            await self._outgoing.send(encoded(type="latency", session_id=session.id, latency=value))

    async def _show_tap(self, session: Session, node: str) -> None:
        """Show some of the outputs of a node: a fast one sends four a second only."""
        try:
            while True:
                async with session.tap(node, capacity=1) as outputs:
                    output = await outputs.receive()
                shown = await trio.to_thread.run_sync(_preview, output.data)
                text = encoded(
                    type="tap",
                    session_id=session.id,
                    node=node,
                    sequence=output.sequence,
                    timestamp_ms=output.timestamp_ms,
                    latency_ms=1000 * output.latency_seconds,
                    output=shown,
                )
                await self._outgoing.send(text)
                await trio.sleep(1 / _TAPS_PER_SECOND)
        except trio.EndOfChannel:
            return
        except MillraceError as error:
            await self._outgoing.send(
                encoded(type="tap_failed", session_id=session.id, node=node, error=str(error))
            )


def _preview(data: Data) -> dict[str, Any]:
    try:
        return preview(data)
    except Exception as error:  # noqa: BLE001 (of what a node has emitted)
        return {"kind": data.kind.value, "error": f"no preview: {type(error).__name__}: {error}"}
