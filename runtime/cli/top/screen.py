"""The live screen."""

import signal
import sys
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import trio
from rich.console import Console, Group

from ...client import RemoteRuntime
from ...errors import CallerError, UnreachableError
from ...wire.operations import SessionEnding, WatchServerResponse, WatchSessionResponse
from ..errors import CommandError
from ..file_run import stopped_by_signals
from ..live import resolved
from ..server_target import ServerTarget
from .figures import ServerPage, SessionPage
from .keys import read_keys, single_keys
from .view import View, ViewOptions

# What the server keeps, too.
_MOST_ENDINGS = 1000
_HOUR_MS = 3_600_000


async def show_top(
    target: ServerTarget,
    console: Console,
    options: ViewOptions,
    *,
    session: str | None,
    interval_seconds: float,
) -> None:
    """Show the server until the user quits.

    Args:
        target: the server.
        console: of standard output.
        options: how sessions are chosen and sorted.
        session: the session to open; None shows all.
        interval_seconds: between snapshots.

    Raises:
        CommandError: standard input or output is no terminal, or the terminal has no screen.
        MillraceError: the call failed, or the connection was lost.
        StoppedError: a signal came.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise CommandError("the live screen needs a terminal; --once prints one snapshot")
    if console.is_dumb_terminal:
        raise CommandError("this terminal (TERM) has no screen; --once prints one snapshot")
    # Outside of the screen, so that the error of a server that cannot be reached is seen.
    async with stopped_by_signals(_do_nothing), target.connect() as runtime:
        opened = await resolved(runtime, session) if session else ""
        view = View(str(target.address), options, opened)
        await runtime.recent_endings(2**63)  # refused here if the token is no admin token
        async with _screen(console):
            await _Screen(runtime, console, view, interval_seconds).run()


@asynccontextmanager
async def _screen(console: Console) -> AsyncIterator[None]:
    with single_keys(sys.stdin.fileno()), console.screen(hide_cursor=True):
        yield


class _Screen:
    """Draws the view at each snapshot, key and change of the terminal's size."""

    def __init__(
        self, runtime: RemoteRuntime, console: Console, view: View, interval_seconds: float
    ) -> None:
        self._runtime = runtime
        self._console = console
        self._view = view
        self._interval_seconds = interval_seconds
        self._watching = trio.CancelScope()
        self._endings: list[SessionEnding] = []

    async def run(self) -> None:
        """Run until the user quits, or the terminal is gone."""
        self._draw()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch_server)
            nursery.start_soon(self._follow_size)
            if self._view.opened:
                nursery.start_soon(self._watch_session, self._view.opened)
            while not self._view.quits and (keys := await read_keys(sys.stdin.fileno())):
                for key in keys:
                    opened = self._view.opened
                    self._view.press(key)
                    if self._view.opened != opened:
                        self._watching.cancel()
                        if self._view.opened:
                            nursery.start_soon(self._watch_session, self._view.opened)
                self._draw()
            nursery.cancel_scope.cancel()

    async def _watch_server(self) -> None:
        before: WatchServerResponse | None = None
        async with aclosing(self._runtime.watch_server(self._interval_seconds)) as snapshots:
            async for now in snapshots:
                if now.server is not None:
                    await self._update_endings(now.server.last_ending, now.time_ms)
                self._view.show_server(ServerPage.of(now, before))
                before = now
                self._draw()
        raise UnreachableError("the server has ended the watch: it shuts down")

    async def _update_endings(self, last: int, now_ms: int) -> None:
        known = self._endings[-1].number if self._endings else 0
        if last > known:
            self._endings += await self._runtime.recent_endings(known)
        recent = [each for each in self._endings if each.ended_ms > now_ms - _HOUR_MS]
        self._endings = recent[-_MOST_ENDINGS:]
        self._view.show_endings(self._endings)

    async def _watch_session(self, session_id: str) -> None:
        before: WatchSessionResponse | None = None
        with trio.CancelScope() as self._watching:
            try:
                snapshots = self._runtime.watch_session(session_id, self._interval_seconds)
                async with aclosing(snapshots):
                    async for now in snapshots:
                        self._view.show_session(SessionPage.of(now, before))
                        before = now
                        self._draw()
            except CallerError as error:  # it has ended before it could be watched
                self._view.show_lost(str(error))
                self._draw()

    async def _follow_size(self) -> None:
        with trio.open_signal_receiver(signal.SIGWINCH) as changes:
            async for _ in changes:
                self._draw()

    def _draw(self) -> None:
        width, height = self._console.size
        self._console.update_screen(Group(*self._view.lines(width, height)))


def _do_nothing() -> None:
    """Leave a signal to the cancellation."""
