"""One snapshot, printed as tables or as JSON."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing

from rich.console import Console
from rich.text import Text

from ...client import RemoteRuntime
from ...errors import printable
from ...wire.operations import SessionEnding, WatchServerResponse, WatchSessionResponse
from ..errors import CommandError
from ..live import resolved
from ..server_target import ServerTarget
from ..tables import Column, print_rows
from ..terminal import print_json
from .columns import NODE_COLUMNS, SESSION_COLUMNS, ending_columns
from .figures import ServerPage, SessionPage
from .graph import graph_lines
from .header import server_lines, session_lines
from .rows import Row, RowColumn
from .values import page_value, server_value
from .view import ViewOptions, sorted_sessions

# Nothing is cut, so that the output can be searched.
_WIDEST = 10_000


async def print_once(
    target: ServerTarget,
    console: Console,
    options: ViewOptions,
    *,
    session: str | None,
    interval_seconds: float,
    as_json: bool,
) -> None:
    """Print a snapshot; it takes two, so that there are rates.

    Args:
        target: the server.
        console: of standard output.
        options: how sessions are chosen and sorted.
        session: the session to print with its nodes; None prints the server and all sessions.
        interval_seconds: between the two snapshots.
        as_json: print JSON.

    Raises:
        MillraceError: the call failed.
    """
    async with target.connect() as runtime:
        if session is not None:
            opened = await resolved(runtime, session)
            page = await _session_page(runtime, opened, interval_seconds)
            if as_json:
                print_json(page_value(page))
            else:
                _print_session(console, page)
            return
        server = await _server_page(runtime, interval_seconds)
        endings = await runtime.recent_endings()
    if as_json:
        sessions = sorted_sessions(server.sessions, options)
        print_json(server_value(server, sessions, endings))
    else:
        _print_server(console, str(target.address), server, endings, options)


async def _server_page(runtime: RemoteRuntime, interval_seconds: float) -> ServerPage:
    before: WatchServerResponse | None = None
    async with aclosing(runtime.watch_server(interval_seconds)) as snapshots:
        async for now in snapshots:
            if before is not None:
                return ServerPage.of(now, before)
            before = now
    raise CommandError("the server has ended the watch: it shuts down")


async def _session_page(
    runtime: RemoteRuntime, session_id: str, interval_seconds: float
) -> SessionPage:
    before: WatchSessionResponse | None = None
    async with aclosing(runtime.watch_session(session_id, interval_seconds)) as snapshots:
        async for now in snapshots:
            if before is not None or now.ending is not None:
                return SessionPage.of(now, before)
            before = now
    raise CommandError("the server has ended the watch: it shuts down")


def _print_server(
    console: Console,
    address: str,
    server: ServerPage,
    endings: Sequence[SessionEnding],
    options: ViewOptions,
) -> None:
    for line in server_lines(server, address, _WIDEST):
        console.print(Text(" ".join(line.plain.split())), soft_wrap=True)
    console.print()
    sessions = sorted_sessions(server.sessions, options)
    if sessions:
        _print_table(console, SESSION_COLUMNS, sessions, {"session": lambda row: row.session_id})
    else:
        console.print("no session is open" if not server.sessions else "no session matches")
    if endings:
        console.print()
        full = {"session": lambda row: printable(row.session_id)}
        newest = list(reversed(endings))
        _print_table(console, ending_columns(server.time_ms), newest, full)


def _print_session(console: Console, page: SessionPage) -> None:
    for line in session_lines(page.session, _WIDEST):
        console.print(line, soft_wrap=True)
    if page.ending is not None:
        ending = page.ending
        console.print(f"ended: {ending.outcome}, {ending.reason} {ending.detail}", soft_wrap=True)
    console.print()
    for line in graph_lines(page.nodes, page.links, console.width):
        console.print(line, soft_wrap=True)
    console.print()
    _print_table(console, NODE_COLUMNS, page.nodes, {})


def _print_table(
    console: Console,
    columns: Sequence[RowColumn[Row]],
    rows: Sequence[Row],
    full: Mapping[str, Callable[[Row], str]],
) -> None:
    """Print rows with every column, and nothing cut; the last column is text."""
    *others, last = columns

    def cell(column: RowColumn[Row], row: Row) -> Text:
        text, style = column.text(row)
        return Text(full[column.name](row) if column.name in full else text, style)

    print_rows(
        console,
        [
            Column(column.name.strip(), justify="right" if column.is_number else "left")
            for column in others
        ],
        last.name,
        [tuple(cell(column, row) for column in columns) for row in rows],
    )
