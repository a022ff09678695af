"""Explaining a session of a running server."""

from contextlib import aclosing, nullcontext

import trio
from rich.console import Console, Group

from ...latency import summary_value
from ...wire.operations import ExplainSessionResponse
from ..errors import CommandError
from ..file_run import stopped_by_signals
from ..latency import print_summary, summary_lines, summary_of
from ..server_target import ServerTarget
from ..terminal import print_json
from .sessions import resolved


async def explain_session(
    target: ServerTarget,
    session: str,
    console: Console,
    *,
    interval_seconds: float,
    once_seconds: float | None,
    as_json: bool,
) -> None:
    """Show where the latency of a session's results goes, until it ends or a signal comes.

    Args:
        target: the server.
        session: the id of the session, or "last".
        console: of standard output.
        interval_seconds: between two pictures.
        once_seconds: follow the session for so long, and print one summary; None shows it live.
        as_json: print the summary as JSON.

    Raises:
        CommandError: standard output is no terminal, no result came in time, or the server shuts
            down.
        MillraceError: the call failed, or there is no such session.
        StoppedError: a signal came.
    """
    is_once = once_seconds is not None
    if not is_once and not console.is_terminal:
        raise CommandError("the live picture needs a terminal; --once prints one summary")
    async with stopped_by_signals(_do_nothing), target.connect() as runtime:
        session_id = await resolved(runtime, session)
        latest: ExplainSessionResponse | None = None
        screen = nullcontext() if is_once else console.screen(hide_cursor=True)
        notes = (f"session {session_id}; Ctrl-C ends, and prints all",)
        try:
            responses = runtime.explain_session(session_id, interval_seconds)
            with screen:
                with trio.move_on_after(once_seconds or float("inf")):
                    async with aclosing(responses):
                        async for latest in responses:
                            if not is_once:
                                summary = summary_of(latest)
                                lines = summary_lines(summary, console.width, notes=notes)
                                console.update_screen(Group(*lines))
        finally:
            if latest is not None and not as_json:
                _print_last(console, latest)
    if latest is None:
        raise CommandError("the server has ended the call: it shuts down")
    if as_json:
        print_json(summary_value(summary_of(latest)))
    if is_once and not summary_of(latest).results:
        raise CommandError(
            f"no result came within {once_seconds:g} s; --seconds follows the session for longer"
        )


def _print_last(console: Console, latest: ExplainSessionResponse) -> None:
    print_summary(console, summary_of(latest))
    if latest.ending is not None:
        ending = latest.ending
        console.print()
        console.print(f"the session has ended: {ending.outcome}, {ending.reason} {ending.detail}")


def _do_nothing() -> None:
    """Leave a signal to the cancellation."""
