"""What the screen shows: its pages, and how keys change them."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from rich.text import Text

from ...errors import printable
from ...wire.operations import SessionEnding
from .columns import NODE_COLUMNS, SESSION_COLUMNS, ending_columns
from .figures import ServerPage, SessionFigures, SessionPage
from .graph import graph_lines
from .header import server_lines, session_lines
from .rows import fitted
from .units import bytes_text, count_text, duration_text

_MOST_FILTER: Final = 60
_DETAIL_LINES: Final = 5
# More lines of a graph would leave no room for the nodes.
_GRAPH_PART: Final = 3
_SELECTED: Final = "reverse"


class Page(Enum):
    """The pages."""

    SESSIONS = "sessions"
    SESSION = "session"
    ENDINGS = "endings"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class ViewOptions:
    """How sessions are chosen and sorted.

    Attributes:
        sort: the name of a column.
        reverse: whether numbers are sorted from the smallest, and names from the last.
        filter: a part of what a session's names must have; empty for all.
    """

    sort: str = "age"
    reverse: bool = False
    filter: str = ""


_KEYS: Final = {
    Page.SESSIONS: "↑↓ select  Enter open  s sort  r reverse  / filter  e ended  ? help  q quit",
    Page.SESSION: "↑↓ scroll  Esc sessions  e ended  ? help  q quit",
    Page.ENDINGS: "↑↓ select  Esc sessions  / filter  ? help  q quit",
    Page.HELP: "Esc back  q quit",
}
_HELP: Final = """\
Sessions   Enter opens the selected one, s sorts by the next column, r turns the
           order round, / shows only what has a text in its names (Esc: all).
in/s out/s items a second: that a session's client sends and receives; that a
           node takes and gives.
fill       how full the fullest link of a session is; 80% and more is red.
slowest    the node whose code takes most of the time since the snapshot before.
           Near 100% it is what limits the pipeline.
p50 p99    of the time inside a node's code, of its latest items.
queue      items that wait on a node's fullest link, and how many it can hold.
credits    items that its producer may still send.
drops      items that full links have dropped (enable_backpressure = false).
copies     payloads that had to be copied between processes.
cpu        of one processor; a native node has none of its own.
Ended      sessions of the last hour with the reason; the selected one in full.
Numbers in the arrows of a graph are items that wait there."""


def sorted_sessions(
    sessions: Sequence[SessionFigures], options: ViewOptions
) -> list[SessionFigures]:
    """Return the sessions that the filter admits, in their order."""
    wanted = options.filter.casefold()
    found = [each for each in sessions if any(wanted in text.casefold() for text in _names(each))]
    column = next(each for each in SESSION_COLUMNS if each.name == options.sort)
    assert column.key is not None
    return sorted(found, key=column.key, reverse=column.is_number != options.reverse)


def _names(session: SessionFigures) -> tuple[str, ...]:
    return (
        session.session_id,
        session.pipeline,
        session.state,
        session.client,
        session.slowest_node,
    )


class View:
    """The state of the screen.

    Attributes:
        quits: whether the user has asked to quit.
        opened: the id of the session whose page is shown; empty for none.

    Args:
        address: of the server.
        options: to begin with.
    """

    def __init__(self, address: str, options: ViewOptions, session_id: str = "") -> None:
        self.quits = False
        self.opened = session_id
        self._address = printable(address)
        self._sort, self._reverse = options.sort, options.reverse
        self._filter = options.filter
        self._page = Page.SESSION if session_id else Page.SESSIONS
        self._earlier: list[Page] = []
        self._types_filter = False
        self._server: ServerPage | None = None
        self._session: SessionPage | None = None
        self._lost = ""
        self._endings: list[SessionEnding] = []
        self._selected: dict[Page, str] = {}
        self._scroll = 0
        self._rows: Sequence[str] = ()
        self._visible = 10

    def show_server(self, page: ServerPage) -> None:
        """Show a snapshot of the server."""
        self._server = page

    def show_session(self, page: SessionPage) -> None:
        """Show a snapshot of the opened session."""
        self._session = page

    def show_lost(self, why: str) -> None:
        """Show why there is no snapshot of the opened session."""
        self._lost = printable(why)

    def show_endings(self, endings: Sequence[SessionEnding]) -> None:
        """Show the sessions that have ended."""
        self._endings = list(endings)

    def press(self, key: str) -> None:
        """Carry out a key: a character, or a name such as "up" or "enter"."""
        if self._types_filter:
            self._type_filter(key)
        elif key in ("q", "Q"):
            self.quits = True
        elif key in ("?", "h"):
            self._turn_to(Page.HELP)
        elif key in ("escape", "backspace", "left"):
            self._go_back()
        elif key == "e":
            self._turn_to(Page.ENDINGS)
        elif self._page is Page.SESSIONS and key == "enter":
            self._open_selected()
        elif self._page is Page.SESSIONS and key in ("s", "S", "right"):
            self._sort_by_next(-1 if key == "S" else 1)
        elif self._page is Page.SESSIONS and key == "r":
            self._reverse = not self._reverse
        elif key == "/" and self._page in (Page.SESSIONS, Page.ENDINGS):
            self._types_filter = True
        else:
            self._move(key)

    def lines(self, width: int, height: int) -> list[Text]:
        """Return the lines of the screen, at most as many as it has."""
        lines = server_lines(self._server, self._address, width)
        foot = self._foot(width)
        room = max(1, height - len(lines) - len(foot) - 1)
        match self._page:
            case Page.SESSIONS:
                body = self._sessions_lines(width, room)
            case Page.SESSION:
                body = self._session_lines(width, room)
            case Page.ENDINGS:
                body = self._endings_lines(width, room)
            case Page.HELP:
                body = [Text(line) for line in _HELP.splitlines()]
        body = body[:room]
        blanks = [Text()] * (room - len(body))
        lines = [*lines, Text(), *body, *blanks, *foot][:height]
        for line in lines:
            line.truncate(width, overflow="ellipsis")
        return lines

    def _sessions_lines(self, width: int, room: int) -> list[Text]:
        if self._server is None:
            return []
        options = ViewOptions(self._sort, self._reverse, self._filter)
        sessions = sorted_sessions(self._server.sessions, options)
        columns = fitted(SESSION_COLUMNS, width)
        lines = [columns.heading(self._sort)]
        if not sessions:
            none = "no session matches the filter" if self._filter else "no session is open"
            lines.append(Text(none, "dim"))
        rows = [(each.session_id, columns.line(each)) for each in sessions]
        lines += self._selectable(rows, room - 1)
        if self._server.omitted_sessions:
            lines.append(Text(f"{self._server.omitted_sessions} more are not shown", "yellow"))
        return lines

    def _session_lines(self, width: int, room: int) -> list[Text]:
        page = self._session
        if page is None:
            return [Text(self._lost or "waiting for the session")]
        lines = session_lines(page.session, width)
        if page.ending is not None:
            lines += self._ending_lines(page.ending, width)[:3]
        elif page.session.slowest_node:
            lines.append(
                Text.assemble(
                    ("▶ slowest node: ", "dim"),
                    (page.session.slowest_node, "bold yellow"),
                    f", busy {100 * page.session.slowest_busy:.0f}% of the time",
                )
            )
        graph = graph_lines(page.nodes, page.links, width)
        columns = fitted(NODE_COLUMNS, width)
        rows = [columns.line(node) for node in page.nodes]
        most = max(1, room // _GRAPH_PART, room - len(lines) - len(rows) - 3)
        if len(graph) > most:
            left = len(graph) - most + 1
            graph = [*graph[: most - 1], Text(f"{left} more lines of the graph", "dim")]
        lines += [Text(), *graph, Text(), columns.heading()]
        left = max(1, room - len(lines))
        self._visible = left
        self._scroll = max(0, min(self._scroll, len(rows) - left))
        return [*lines, *rows[self._scroll : self._scroll + left]]

    def _endings_lines(self, width: int, room: int) -> list[Text]:
        now_ms = self._server.time_ms if self._server else 0
        columns = fitted(ending_columns(now_ms), width)
        wanted = self._filter.casefold()
        endings = [each for each in reversed(self._endings) if wanted in _ending_names(each)]
        rows = [(str(each.number), columns.line(each)) for each in endings]
        table = self._selectable(rows, max(1, room - _DETAIL_LINES - 2))
        lines = [columns.heading(), *table]
        if not rows:
            return [*lines, Text("no session has ended in the last hour", "dim")]
        selected = next(
            each for each in endings if str(each.number) == self._selected[Page.ENDINGS]
        )
        details = self._ending_lines(selected, width)[:_DETAIL_LINES]
        blanks = [Text()] * max(1, room - len(lines) - len(details))
        return [*lines, *blanks, *details]

    def _ending_lines(self, ending: SessionEnding, width: int) -> list[Text]:
        """Return everything about a session that has ended."""
        client = f" from {printable(ending.peer)}" if ending.peer else ""
        token = f" ({printable(ending.token_name)})" if ending.token_name else ""
        first = Text.assemble(
            (printable(ending.outcome), "bold"),
            f": {printable(ending.reason)}",
            f" at node {printable(ending.node_id)}" if ending.node_id else "",
            f", after {duration_text((ending.ended_ms - ending.opened_ms) / 1000)}",
        )
        second = Text(f"session {printable(ending.session_id)}{client}{token}", "dim")
        third = Text(
            f"in {count_text(ending.items_in)} items {bytes_text(ending.bytes_in)}, "
            f"out {count_text(ending.items_out)} items {bytes_text(ending.bytes_out)}, "
            f"dropped {count_text(ending.dropped_items)}, "
            f"peak memory {bytes_text(ending.peak_memory_bytes)}",
            "dim",
        )
        detail = textwrap.wrap(printable(ending.detail), width)
        return [first, *map(Text, detail[:2]), second, third]

    def _selectable(self, rows: Sequence[tuple[str, Text]], room: int) -> list[Text]:
        """Return the rows around the selected one, which is the first if it has gone."""
        names = [name for name, _ in rows]
        self._rows, self._visible = names, max(1, room)
        if not rows:
            self._selected.pop(self._page, None)
            return []
        selected = self._selected.get(self._page, "")
        if selected not in names:
            selected = self._selected[self._page] = names[0]
        place = names.index(selected)
        start = max(0, min(place - room // 2, len(rows) - room))
        lines = []
        for name, line in rows[start : start + room]:
            if name == selected:
                line.stylize(_SELECTED)
            lines.append(line)
        return lines

    def _foot(self, width: int) -> list[Text]:
        keys = _KEYS[self._page]
        if self._types_filter:
            line = Text.assemble(("filter: ", "bold"), self._filter, ("█", ""))
            return [line, Text("Enter keep  Esc show all", "reverse")]
        state = f"sorted by {self._sort}{' reversed' if self._reverse else ''}"
        shown = [state] if self._page is Page.SESSIONS else []
        if self._filter and self._page in (Page.SESSIONS, Page.ENDINGS):
            shown.append(f"filter: {self._filter}")
        line = Text(keys.ljust(width)[:width], "reverse")
        return [Text("  ".join(shown), "dim"), line] if shown else [line]

    def _type_filter(self, key: str) -> None:
        match key:
            case "enter":
                self._types_filter = False
            case "escape":
                self._types_filter, self._filter = False, ""
            case "backspace":
                self._filter = self._filter[:-1]
            case _ if len(key) == 1 and key.isprintable():
                self._filter = (self._filter + key)[:_MOST_FILTER]

    def _go_back(self) -> None:
        if self._page is Page.SESSION:
            self.opened = ""
        elif self._page is Page.SESSIONS:
            self._filter = ""
        self._page = self._earlier.pop() if self._earlier else Page.SESSIONS

    def _turn_to(self, page: Page) -> None:
        if page in self._earlier:  # back to where it was
            del self._earlier[self._earlier.index(page) :]
        elif self._page is not page:
            self._earlier.append(self._page)
        self._page = page

    def _open_selected(self) -> None:
        if self._server is None or not (selected := self._selected.get(self._page)):
            return
        self._turn_to(Page.SESSION)
        self.opened, self._scroll = selected, 0
        self._session, self._lost = None, ""

    def _sort_by_next(self, step: int) -> None:
        names = [column.name for column in SESSION_COLUMNS]
        self._sort = names[(names.index(self._sort) + step) % len(names)]

    def _move(self, key: str) -> None:
        steps: dict[str, int] = {
            **dict.fromkeys(("up", "k"), -1),
            **dict.fromkeys(("down", "j"), 1),
            "page_up": -self._visible,
            "page_down": self._visible,
            "home": -(10**6),
            "end": 10**6,
        }
        step = steps.get(key, 0)
        if self._page is Page.SESSION:
            self._scroll = max(0, self._scroll + step)
        elif (selected := self._selected.get(self._page, "")) in self._rows:
            place = list(self._rows).index(selected) + step
            self._selected[self._page] = self._rows[max(0, min(place, len(self._rows) - 1))]


def _ending_names(ending: SessionEnding) -> str:
    names: tuple[Any, ...] = (
        ending.session_id,
        ending.pipeline,
        ending.peer,
        ending.token_name,
        ending.outcome,
        ending.reason,
        ending.node_id,
        ending.detail,
    )
    return printable(" ".join(map(str, names))).casefold()
