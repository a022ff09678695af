"""What `millrace top` shows, at every size of the screen."""

from collections.abc import Iterable
from typing import Any

import pytest
from rich.cells import cell_len

from runtime.cli.top import SORT_NAMES, ViewOptions
from runtime.cli.top.figures import ServerPage, SessionPage
from runtime.cli.top.view import View
from runtime.wire.operations import (
    LinkInfo,
    NodeInfo,
    ServerInfo,
    SessionEnding,
    SessionInfo,
    WatchServerResponse,
    WatchSessionResponse,
)

NAMES = ["plain", "音声認識パイプライン" * 5, "a" * 300, "x\x1b[2J\n\u202e", "", "e\u0301" * 40]
SIZES = [(80, 24), (140, 40), (40, 10), (20, 5), (300, 100)]


def session(number: int, name: str, **fields: Any) -> SessionInfo:
    return SessionInfo(session_id=f"id-{number:08}", pipeline=name, state="executing", **fields)


def server_page(sessions: Iterable[SessionInfo], seconds: float = 0) -> WatchServerResponse:
    server = ServerInfo(version="1", max_sessions=100, cpu_seconds=seconds / 2)
    return WatchServerResponse(
        time_ms=round(1000 * seconds), clock_seconds=seconds, server=server, sessions=list(sessions)
    )


def shown(view: View, width: int = 80, height: int = 24) -> str:
    return "\n".join(line.plain.rstrip() for line in view.lines(width, height))


def order(view: View) -> list[str]:
    names = ("one", "two", "three")
    return [word for line in shown(view).splitlines() if (word := line.split(" ")[0]) in names]


@pytest.fixture
def view() -> View:
    view = View("server:1", ViewOptions())
    before = [session(1, "one"), session(2, "two"), session(3, "three")]
    now = [
        session(1, "one", items_in=10, fullest_link=0.9),
        session(2, "two", items_in=30),
        session(3, "three", items_in=20, peer="10.0.0.7:5"),
    ]
    view.show_server(ServerPage.of(server_page(now, 2), server_page(before)))
    return view


def test_rates_are_of_two_snapshots(view: View) -> None:
    screen = shown(view)
    assert "15.0" in next(line for line in screen.splitlines() if line.startswith("two"))
    assert "cpu 50%" in screen
    view.show_server(ServerPage.of(server_page([session(1, "one", items_in=10)]), None))
    assert "cpu -" in shown(view)


@pytest.mark.parametrize(("deadline_ms", "left"), [(0, "until all have ended"), (63_000, "1:02")])
def test_the_header_shows_that_the_server_drains(view: View, deadline_ms: int, left: str) -> None:
    assert "draining" not in shown(view)
    page = server_page([], 1)
    assert page.server is not None
    page.server.draining, page.server.drain_deadline_ms = True, deadline_ms
    view.show_server(ServerPage.of(page, None))
    assert f"draining {left}" in shown(view)


def test_an_ending_has_the_name_of_the_token(view: View) -> None:
    ended = SessionEnding(number=1, session_id="s", peer="10.0.0.7:5", token_name="anna")
    view.show_endings([ended])
    view.press("e")
    assert "10.0.0.7:5 (anna)" in shown(view, 140)


def test_sessions_are_sorted_by_every_column(view: View) -> None:
    for name in SORT_NAMES:
        while f"sorted by {name}" not in shown(view):
            view.press("s")
        forward = order(view)
        view.press("r")
        assert sorted(forward) == sorted(order(view))
        view.press("r")
    while "sorted by in/s" not in shown(view):
        view.press("s")
    assert order(view) == ["two", "three", "one"]
    view.press("r")
    assert order(view) == ["one", "three", "two"]


def test_the_filter_is_for_every_name_of_a_session(view: View) -> None:
    for text, names in (("TW", ["two"]), ("10.0.0.7", ["three"]), ("id-00000001", ["one"])):
        for key in ("/", *text, "enter"):
            view.press(key)
        assert order(view) == names
        view.press("escape")
    assert len(order(view)) == 3


def test_the_selection_stays_with_its_session(view: View) -> None:
    for key in ("down", "down", "s", "s", "r", "enter"):
        shown(view)
        view.press(key)
    assert view.opened == "id-00000003"
    view.press("e")
    assert view.opened == "id-00000003"
    view.press("escape")
    view.press("escape")
    assert view.opened == ""


def link(producer: str, reader: str, waiting: int = 0, capacity: int = 10) -> LinkInfo:
    return LinkInfo(
        producer=producer,
        reader=reader,
        waiting_items=waiting,
        credits=max(0, capacity - waiting),
        capacity=capacity,
    )


def session_page(nodes: Iterable[str], links: Iterable[LinkInfo], slowest: str = "") -> SessionPage:
    info = session(1, "one", slowest_node=slowest, slowest_busy=0.9 if slowest else 0)
    info.nodes = [
        NodeInfo(node_id=node, state="enabled", busy=0.9 if node == slowest else 0.1)
        for node in nodes
    ]
    info.links = list(links)
    return SessionPage.of(WatchSessionResponse(session=info), None)


def test_each_link_of_a_graph_is_in_one_line() -> None:
    links = [
        link("", "a"),
        link("a", "b", 3),
        link("a", "c"),
        link("b", "d", 12),
        link("c", "d"),
        link("d", ""),
        link("", "d"),
    ]
    view = View("server:1", ViewOptions(), "id-00000001")
    view.show_session(session_page("abcd", links, "b"))
    screen = shown(view)
    assert "client ───▶ a ─3─▶ b ─10─▶ d ───▶ client\na ───▶ c ───▶ d\n" in screen
    assert "▶ slowest node: b, busy 90% of the time" in screen
    assert "10/10" in screen
    assert "▶ b" in screen


def test_a_long_graph_leaves_room_for_the_nodes() -> None:
    nodes = [f"node{number}" for number in range(60)]
    links = [link("", node) for node in nodes] + [link(node, "") for node in nodes]
    view = View("server:1", ViewOptions(), "id-00000001")
    view.show_session(session_page(nodes, links))
    assert "more lines of the graph" in shown(view)
    assert "node0 " in shown(view)
    for _ in range(100):
        view.press("page_down")
        shown(view)
    assert "node59" in shown(view)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_screen(name: str, width: int, height: int) -> None:
    view = View("server:1", ViewOptions(filter=""))
    busy = session(1, name, peer=name, slowest_node=name, slowest_busy=1)
    view.show_server(ServerPage.of(server_page([busy]), None))
    ending = SessionEnding(
        number=1, pipeline=name, reason=name, node_id=name, detail=name * 9, peer=name
    )
    view.show_endings([ending])
    pages = ["", "e", "escape", "?", "escape", "enter"]
    for key in pages:
        view.press(key)
        if view.opened:
            page = session_page([name, "b"], [link("", name), link(name, "b"), link("b", "")], name)
            view.show_session(page)
        lines = view.lines(width, height)
        assert len(lines) == height
        for line in lines:
            assert all(character.isprintable() for character in line.plain)
            assert cell_len(line.plain) <= width, line.plain
