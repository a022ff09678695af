"""A session, a plan and a result in a notebook."""

from typing import Any
from xml.etree import ElementTree

from actors import Text
from runtime import Runtime

NAME = "</text><script>alert(1)</script>"
MANIFEST: dict[str, Any] = {
    "version": "v1",
    "metadata": {"name": NAME},
    "nodes": [
        {"id": "pass", "node_type": "PassThrough"},
        {"id": "collect", "node_type": "TextCollectorNode", "params": {"min_sentence_length": 1}},
    ],
    "connections": [{"from": "pass", "to": "collect"}],
}
PLACES = {"multiprocess": {"executor_overrides": {"collect": "native"}}}


async def test_a_session_shows_its_graph_and_what_its_nodes_have_done(runtime: Runtime) -> None:
    manifest = {**MANIFEST, "metadata": {"name": NAME, **PLACES}}
    async with runtime.open_session(manifest) as session:
        await session.send(Text("One. Two."))
        await session.close_input()
        results = [result async for result in session]
        assert "PassThrough" in session._repr_html_()
    html = session._repr_html_()
    assert "<script>" not in html
    # It is well-formed, so a name cannot leave its place.
    tree = ElementTree.fromstring(html.replace("&middot;", "·"))
    texts = ["".join(cell.itertext()) for cell in tree.iter("td")]
    assert texts[:5] == ["pass", "PassThrough", "native", "1", "1"]
    assert texts[6:11] == ["collect", "TextCollectorNode", "native", "1", "2"]
    assert "completed" in html
    svg = ElementTree.fromstring(session.plan._repr_svg_())
    assert svg.tag.endswith("svg")
    shown = results[0]._repr_html_()
    assert "<b>collect</b> · of chunk 0" in shown
    assert "One." in shown
