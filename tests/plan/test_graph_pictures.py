import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.catalogue import Catalogue
from runtime.config import RuntimeConfig
from runtime.manifest import manifest_from
from runtime.plan import Plan, make_plan
from runtime.plan.drawing import draw, to_dot, to_svg
from runtime.plan.drawing.spread import spread
from tests.manifest.manifests import pipeline

TARGET = "actors.nodes.pass_through:PassThrough"
SVG = "{http://www.w3.org/2000/svg}"


def plan(*nodes: str, edges: str = "", name: str = "demo") -> Plan:
    value = pipeline(*nodes, edges=edges, max_processes_per_session=100)
    value["metadata"]["name"] = name
    types = {node["node_type"] for node in value["nodes"]}
    return make_plan(
        manifest_from(value),
        config=RuntimeConfig(),
        catalogue=Catalogue().with_types(dict.fromkeys(types, TARGET)),
    )


CHAIN = """\
 ┌─────────────┐
 │     mic     │
 │ PassThrough │
 │   native    │
 └──────┬──────┘
        │
        ▼
╔═══════════════╗
║     ears      ║
║  WhisperNode  ║
║ multiprocess  ║
╚═══════════════╝"""

DIAMOND = """\
           ┌─────────────┐
           │     in      │
           │ PassThrough │
           │   native    │
           └──────┬──────┘
         ┌────────┴────────┐
         ▼                 ▼
  ┌─────────────┐   ┌─────────────┐
  │    left     │   │    right    │
  │ PassThrough │   │ PassThrough │
  │   native    │   │   native    │
  └──────┬──────┘   └──────┬──────┘
         └─────┐     ┌─────┘
               ▼     ▼
           ┌─────────────┐
           │     out     │
           │ PassThrough │
           │   native    │
           └─────────────┘"""


def test_a_chain_is_drawn_straight_down():
    picture = draw(plan("mic", "ears:WhisperNode", edges="mic>ears"))
    assert picture == CHAIN


def trimmed(picture: str) -> str:
    lines = picture.splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines)
    return "\n".join(line[margin:] for line in lines)


def test_a_diamond_is_drawn_with_a_fork_and_a_join():
    edges = "in>left in>right left>out right>out"
    picture = draw(plan("in", "left", "right", "out", edges=edges))
    assert trimmed(picture) == trimmed(DIAMOND)


def traced(picture: str) -> set[tuple[str, str]]:
    """Follow the lines of a drawing, by the rules that a reader would use, to its edges."""
    rows = picture.splitlines()
    cells = {(r, c): char for r, row in enumerate(rows) for c, char in enumerate(row)}
    up, down, left, right = (-1, 0), (1, 0), (0, -1), (0, 1)
    leads = {
        "│": {up, down},
        "─": {left, right},
        "┐": {left, down},
        "┘": {left, up},
        "┌": {right, down},
        "└": {right, up},
        "├": {up, down, right},
        "┤": {up, down, left},
        "┬": {left, right, down},
        "┴": {left, right, up},
        "┼": {up, down, left, right},
    }
    names = {}
    for place, char in cells.items():
        if char in "┌╔" and cells.get((place[0] + 1, place[1])) in ("│", "║"):
            top = re.match(r"[┌╔][─═]+[┐╗]", rows[place[0]][place[1] :])
            label = rows[place[0] + 1][place[1] + 1 : place[1] + (top.end() if top else 1) - 1]
            if top and label.strip().startswith("n"):
                names[place] = (top.end(), label.strip())
    tops = {
        (row, column + offset): name
        for (row, column), (width, name) in names.items()
        for offset in range(width)
    }
    found = set()
    for (row, column), (width, name) in names.items():
        bottom = row + 4
        for offset in range(width):
            if cells[bottom, column + offset] not in "┬╤":
                continue
            todo, seen = [((bottom + 1, column + offset), down)], set()
            while todo:
                place, came = todo.pop()
                if (place, came) in seen:
                    continue
                seen.add((place, came))
                char = cells[place]
                if char == "▼":
                    found.add((name, tops[place[0] + 1, place[1]]))
                    continue
                back = (-came[0], -came[1])
                if char == "│" and came in (left, right):  # a bridge over this line
                    todo.append(((place[0] + came[0], place[1] + came[1]), came))
                    continue
                assert back in leads[char], (picture, place)
                todo += [
                    ((place[0] + way[0], place[1] + way[1]), way) for way in leads[char] - {back}
                ]
    return found


EDGES = st.tuples(
    st.integers(1, 8),
    st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=14),
).map(lambda drawn: (drawn[0], {edge for edge in drawn[1] if edge[0] < edge[1] < drawn[0]}))


@given(EDGES)
def test_a_reader_who_follows_the_lines_finds_every_connection_and_no_other(graph):
    count, edges = graph
    nodes = [f"n{index}" + (":EchoNode" if index % 3 else "") for index in range(count)]
    text = " ".join(f"n{start}>n{end}" for start, end in sorted(edges))
    picture = draw(plan(*nodes, edges=text))
    assert traced(picture) == {(f"n{start}", f"n{end}") for start, end in edges}
    for name in range(count):
        assert len(re.findall(rf"\bn{name}\b", picture)) == 1


@given(EDGES)
def test_boxes_of_a_picture_never_overlap(graph):
    count, edges = graph
    text = " ".join(f"n{start}>n{end}" for start, end in sorted(edges))
    root = ElementTree.fromstring(to_svg(plan(*(f"n{i}" for i in range(count)), edges=text)))
    boxes = [
        tuple(float(rect.attrib[key]) for key in ("x", "y", "width", "height"))
        for rect in root.findall(f"{SVG}g/{SVG}rect")
    ]
    assert len(boxes) == count
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for index, (x, y, w, h) in enumerate(boxes):
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
        for x2, y2, w2, h2 in boxes[:index]:
            assert x + w <= x2 or x2 + w2 <= x or y + h <= y2 or y2 + h2 <= y
    assert len(root.findall(f".//{SVG}path")) == len(edges)


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=8), st.integers(0, 9))
def test_places_keep_their_order_and_their_distance(wanted, gap):
    places = spread(wanted, [gap] * (len(wanted) - 1))
    assert all(b - a >= gap - 1e-9 for a, b in pairwise(places))


NASTY = 'Na"me\\<&>]]>\n\t\x1b[31m\x00\ud7ff{}|💧' + "x" * 60


def nasty() -> Plan:
    value = pipeline("in", "out", edges="in>out")
    value["metadata"]["name"] = NASTY
    for node in value["nodes"]:
        node["node_type"] = NASTY
    return make_plan(
        manifest_from(value),
        config=RuntimeConfig(),
        catalogue=Catalogue().with_types({NASTY: TARGET}),
    )


def test_a_name_full_of_markup_cannot_break_an_svg():
    root = ElementTree.fromstring(to_svg(nasty()))
    assert not root.findall(".//script")
    assert any("<&>" in (text.text or "") for text in root.findall(f".//{SVG}text"))


def test_a_name_full_of_quotes_cannot_break_a_dot_file():
    text = to_dot(nasty())
    quoted = r'"(?:[^"\\\n]|\\.)*"'
    statement = rf"(?:{quoted}|[\w=, \[\]{{}};>#.-])+"
    assert all(re.fullmatch(statement, line) for line in text.splitlines())
    assert text.count('"in" -> "out";') == 1


def test_a_name_full_of_control_characters_cannot_break_a_drawing():
    picture = draw(nasty())
    assert all(line.isprintable() for line in picture.splitlines())
    assert len(picture.splitlines()) == 12


def test_a_dot_file_has_nodes_with_type_and_executor_and_edges():
    text = to_dot(plan("mic", "ears:WhisperNode", edges="mic>ears", name='my "demo"'))
    assert text.startswith('digraph "my \\"demo\\"" {')
    assert '"ears" [label="ears\\nWhisperNode\\nmultiprocess", ' in text
    assert '  "mic" -> "ears";' in text


def test_executors_have_different_colours_and_a_legend():
    root = ElementTree.fromstring(to_svg(plan("mic", "ears:WhisperNode", edges="mic>ears")))
    boxes = root.findall(f"{SVG}g/{SVG}rect")
    assert len({box.attrib["fill"] for box in boxes}) == 2
    texts = [text.text for text in root.findall(f"{SVG}text")]
    assert texts == ["demo", "multiprocess", "native"]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_any_number_of_lone_nodes_can_be_drawn(count: int):
    picture = draw(plan(*(f"n{index}" for index in range(count))))
    assert len(picture.splitlines()) == 5


def test_a_graph_of_the_most_nodes_can_be_drawn():
    ids = [f"n{index}" for index in range(256)]
    edges = [f"{ids[i]}>{ids[j]}" for i in range(256) for j in (i + 1, i + 9) if j < 256]
    whole = plan(*ids, edges=" ".join(edges))
    assert draw(whole).count("▼") == len(edges)
    ElementTree.fromstring(to_svg(whole))
