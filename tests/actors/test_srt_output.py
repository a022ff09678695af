import json

import pytest

from actors import DataError, Json, Text
from actors.nodes.srt_output import SrtOutput, SrtParams

SEGMENTS = [
    {"start": 0, "end": 1.5, "text": " Hello there. "},
    {"start": 3661.0625, "end": 360000, "text": "Much later.", "confidence": 0.5},
]
SUBTITLES = """\
1
00:00:00,000 --> 00:00:01,500
Hello there.

2
01:01:01,062 --> 100:00:00,000
Much later.

"""


@pytest.fixture
def srt(drive):
    return lambda *items, **params: [
        out.text for out in drive(SrtOutput(SrtParams(**params)), items)
    ]


@pytest.mark.parametrize(
    "item",
    [
        Json(SEGMENTS),
        Json({"text": "Hello there. Much later.", "segments": SEGMENTS}),
        Text(json.dumps(SEGMENTS)),
    ],
    ids=["list", "object", "text"],
)
def test_segments_become_subtitles(srt, item):
    assert srt(item) == [SUBTITLES]


def test_numbers_go_on_over_the_stream(srt):
    first, second = srt(Json(SEGMENTS), Json(SEGMENTS[:1]))
    assert first == SUBTITLES
    assert second.startswith("3\n00:00:00,000")


def test_numbers_can_be_left_out(srt):
    assert srt(Json(SEGMENTS[:1]), includeNumbers=False) == [
        "00:00:00,000 --> 00:00:01,500\nHello there.\n\n"
    ]


def test_recognized_text_has_its_time_in_its_metadata(drive):
    item = Text("[turn] it on", language="en", metadata={"start_ms": "1200", "end_ms": "2050"})
    (output,) = drive(SrtOutput(), [item])
    assert output.text == "1\n00:00:01,200 --> 00:00:02,050\n[turn] it on\n\n"
    assert output.language == "en"
    assert output.metadata == item.metadata


def test_long_lines_are_cut_between_words(srt):
    text = "one two three incomprehensibilities well-known\nfour"
    (got,) = srt(Json([{"start": 0, "end": 1, "text": text}]), max_line_length=10)
    assert got.splitlines()[2:] == [
        "one two",
        "three",
        "incomprehensibilities",
        "well-known",
        "four",
        "",
    ]


def test_a_text_keeps_its_lines_but_no_empty_one_which_would_end_the_subtitle(srt):
    (got,) = srt(Json([{"start": 0, "end": 1, "text": "\n a\n\n  \r\nb\n"}]))
    assert got == "1\n00:00:00,000 --> 00:00:01,000\na\nb\n\n"


@pytest.mark.parametrize("value", [[], {"segments": []}, [{"start": 0, "end": 1, "text": " "}]])
def test_what_has_no_text_gives_nothing_and_takes_no_number(srt, value):
    assert srt(Json(value)) == []
    assert srt(Json(value), Json(SEGMENTS)) == [SUBTITLES]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("text", r'must be \[\{"start": <seconds>'),
        ({"start": 0, "end": 1, "text": "a"}, "must be"),
        ({"segments": None}, "must be"),
        ([3], "segment 0 must have"),
        ([SEGMENTS[0], {"start": 0, "text": "a"}], "segment 1 must have"),
        ([{"start": "0", "end": 1, "text": "a"}], '"start" of segment 0 must be a number'),
        ([{"start": 0, "end": True, "text": "a"}], '"end" of segment 0 must be a number'),
        ([{"start": 0, "end": 1, "text": None}], '"text" of segment 0 must be text'),
        ([{"start": 2, "end": 1, "text": "a"}], "segment 0 must start at 0 or later"),
        ([{"start": -1, "end": 1, "text": "a"}], "segment 0 must start at 0 or later"),
        ([{"start": 0, "end": 1e308, "text": "a"}], "segment 0 is at a time beyond"),
        ([{"start": -1e308, "end": 1, "text": "a"}], "segment 0 is at a time beyond"),
    ],
)
def test_what_is_no_segment_is_an_error_that_says_which_and_why(srt, value, message):
    with pytest.raises(DataError, match=message):
        srt(Json(value))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (Text("Hello."), "text must be .* or have its time in the metadata"),
        (Text("a", metadata={"start_ms": "1"}), "must have end_ms in whole ms, got None"),
        (Text("a", metadata={"start_ms": "x", "end_ms": "2"}), "must have start_ms .* got 'x'"),
        (Text("a", metadata={"start_ms": "3", "end_ms": "2"}), "the text must start at 0"),
    ],
)
def test_text_without_its_time_is_an_error(srt, item, message):
    with pytest.raises(DataError, match=message):
        srt(item)
