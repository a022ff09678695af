import numpy as np
import pytest

from actors import Audio, DataError, Json, Text
from actors.nodes.audio_format import AudioFormatNode
from actors.nodes.json_to_text import JsonToText, JsonToTextParams
from actors.nodes.text_to_json import TextToJson

pytestmark = pytest.mark.executors


def test_text_becomes_json(run_actor):
    with run_actor(TextToJson) as node:
        (item,) = node.feed(Text("on", metadata={"a": "b"}))
        assert (item.value, item.metadata) == ({"text": "on"}, {"a": "b"})
    with run_actor(TextToJson, params={"field": ""}) as node:
        assert node.feed(Text("on"))[0].value == "on"
    with run_actor(TextToJson, params={"parse": True}) as node:
        assert node.feed(Text('{"value": 3}'))[0].value == {"value": 3}


def test_json_becomes_text(run_actor):
    with run_actor(JsonToText) as node:
        given = (Json("plain"), Json({"a": 1}), Json(None))
        assert [item.text for item in node.feed(*given)] == ["plain", '{"a": 1}', "null"]
    with run_actor(JsonToText, params={"field": "text"}) as node:
        assert node.feed(Json({"text": "on"}))[0].text == "on"


@pytest.mark.executors("native")
def test_a_missing_field_is_named():
    with pytest.raises(DataError, match="no field 'text'"):
        JsonToText(JsonToTextParams(field="text")).process(Json({"other": 1}))


def float32(values):
    return np.array(values, np.float32)


def int16(values):
    return np.array(values, np.int16)


def int32(values):
    return np.array(values, np.int32)


@pytest.mark.parametrize(
    ("params", "given", "wanted"),
    [
        ({"channels": "mono"}, float32([[1, 0], [0.5, -0.5]]), float32([[0.5], [0]])),
        ({"channels": "stereo"}, int16([[1], [2]]), int16([[1, 1], [2, 2]])),
        ({"channels": "mono"}, int16([[32767, 32767]]), int16([[32767]])),
        (
            {"sample_format": "i16"},
            float32([[0.5], [2], [-2]]),
            int16([[16384], [32767], [-32768]]),
        ),
        ({"sample_format": "f32"}, int16([[-32768]]), float32([[-1]])),
        ({"sample_format": "i32"}, int16([[-32768]]), int32([[-(2**31)]])),
        ({}, int16([[1, 2]]), int16([[1, 2]])),
    ],
    ids=str,
)
def test_audio_takes_another_form(run_actor, params, given, wanted):
    with run_actor(AudioFormatNode, params=params) as node:
        (item,) = node.feed(Audio(given, 16000))
    assert item == Audio(wanted, 16000)
