import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import DataError, Json, Text
from actors.nodes.json_to_text import JsonToText, JsonToTextParams
from actors.nodes.srt_output import SrtOutput
from actors.nodes.text_to_json import TextToJson, TextToJsonParams

LONG = 20_000

characters = st.characters(exclude_categories=["Cs"])
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(characters),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(characters), inner),
    max_leaves=30,
)


def text_of(params: JsonToTextParams, item: Json) -> str:
    output = JsonToText(params).process(item)
    assert isinstance(output, Text)
    return output.text


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("blank", [0, 16_380, 16_385])
@given(value=values)
def test_a_member_of_long_json_is_found_and_decoded(ascii_only, blank, value):
    """The blanks move the value over the border of a slice."""
    document = {"before": [value, ']}\\"' * 3], "wanted": value, "after": "x" * LONG}
    written = json.dumps(document, ensure_ascii=ascii_only)
    item = Json.from_text(" " * blank + written)
    found = text_of(JsonToTextParams(field="wanted"), item)
    assert (found if isinstance(value, str) else json.loads(found)) == value


@given(text=st.text(characters), size=st.integers(16_370, 16_390))
def test_a_long_text_becomes_json_and_text_again(text, size):
    text = "x" * size + text
    item = TextToJson().process(Text(text))
    assert isinstance(item, Json)
    assert item.value == {"text": text}
    assert text_of(JsonToTextParams(field="text"), item) == text
    escaped = Json.from_text(json.dumps(text))
    assert text_of(JsonToTextParams(), escaped) == text


@pytest.mark.parametrize("form", ["{}", '{{"text": "[", "segments": {}, "more": 1}}'])
def test_segments_of_a_long_item_are_those_of_a_short_one(form):
    segments = [{"start": n, "end": n + 1, "text": f"Line {n} \u00e9"} for n in range(2000)]
    item = Json.from_text(form.format(json.dumps(segments, indent=1)))
    outputs = list(SrtOutput().process(item))  # type: ignore[arg-type]
    short = SrtOutput()
    expected = [short.process(Json([segment])) for segment in segments]
    assert "".join(each.text for each in outputs) == "".join(each.text for each in expected)  # type: ignore[attr-defined, union-attr]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "expected"),
        ('{"a": "x}', "the end of a string"),
        ('{"a": [', "the end of a list or an object"),
        ('{"a" 1}', "expected ':'"),
        ('{"a": 1 "b"}', "expected ','"),
        ('{"a": 1} 2', "the end of the text"),
        ('{"a": "\\x"}', "escape"),
        ('{"a": "\\ud800"}', "expected a character"),
        ("[1]", "no field 'a'"),
    ],
)
def test_long_text_that_is_not_json_is_refused_with_the_place(text, words):
    with pytest.raises(DataError, match=words):
        text_of(JsonToTextParams(field="a"), Json.from_text(" " * LONG + text))


@pytest.mark.parametrize(
    "text", ['[{"start": 0, "end": 1, "text": "%s"}]' % ("x" * 70_000), "[%s]" % ("[" * LONG)]
)
def test_a_segment_that_is_too_long_is_refused(text):
    with pytest.raises(
        DataError, match="more than 65536 characters|is the most|nested too deeply|not JSON"
    ):
        list(SrtOutput().process(Json.from_text(text)))  # type: ignore[arg-type]


def test_long_text_is_parsed_as_json_up_to_a_size():
    node = TextToJson(TextToJsonParams(parse=True))
    item = node.process(Text(json.dumps(["x"] * LONG)))
    assert isinstance(item, Json)
    assert item.value == ["x"] * LONG
    with pytest.raises(DataError, match="not JSON"):
        node.process(Text('["x' * LONG))
    with pytest.raises(DataError, match="not JSON"):
        node.process(Text("[" * LONG))
    with pytest.raises(DataError, match="at most 2097152 characters"):
        node.process(Text("[" + "1," * 2_000_000 + "1]"))
