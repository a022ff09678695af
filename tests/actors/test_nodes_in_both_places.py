"""The same node, called directly, as a task of the server, and in a process of its own."""

import numpy as np
import pytest

from actors import Audio, Json, PixelFormat, Text, Video
from runtime import HookError
from tests.session.pipelines import manifest, run_through

from . import tiny_transformers
from .test_catalogue_of_nodes import node_class
from .tiny_models import save_kokoro, save_whisper

PLACES = ["native", "multiprocess"]
random = np.random.default_rng(7)
SOUND = [
    Audio(random.uniform(-level, level, (480, 2)).astype(np.float32), 16000)
    for level in (0.0, 1.0, 0.0, 0.5)
]
SPEECH = [
    item
    for chunk, has_speech in zip(SOUND, (False, True, True, False), strict=True)
    for item in (Json({"has_speech": has_speech}), chunk)
]
FRAMES = [
    Video(random.integers(0, 256, size, np.uint8), 5, 3, pixel_format)
    for size, pixel_format in ((45, PixelFormat.RGB24), (27, PixelFormat.I420))
]
CASES = [
    ("AudioBufferAccumulatorNode", {"min_utterance_duration_ms": 0}, SPEECH),
    ("ClippingDetectorNode", {}, SOUND),
    ("ChannelBalanceNode", {}, SOUND),
    ("SilenceDetectorNode", {"sustained_silence_ms": 30}, SOUND),
    ("SrtOutput", {}, [Json([{"start": 0, "end": 1, "text": "a"}])] * 2),
    ("VideoFlip", {"direction": "both"}, FRAMES),
    ("VideoScaler", {"target_width": 8, "target_height": 8}, FRAMES),
]
SECOND = Audio(np.zeros(16000, np.float32), 16000)


async def outputs(runtime, node_type, params, items, place):
    pipeline = manifest({"node": (node_type, params)}, places={"node": place})
    return [result.data for result in await run_through(runtime, pipeline, items)]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(("node_type", "params", "items"), CASES, ids=[case[0] for case in CASES])
async def test_a_node_gives_the_same_wherever_it_runs(
    runtime, drive, node_type, params, items, place
):
    actor = node_class(node_type)
    expected = drive(actor(actor.params_type(**params)), items)
    assert expected
    assert await outputs(runtime, node_type, params, items, place) == expected


@pytest.mark.parametrize("place", PLACES)
async def test_a_speech_model_runs_in_both_places(runtime, tmp_path, place):
    save_whisper(tmp_path / "ears", "hello", "world")
    save_kokoro(tmp_path / "mouth", "af_heart")
    (heard,) = await outputs(
        runtime, "WhisperNode", {"model": str(tmp_path / "ears")}, [SECOND], place
    )
    assert heard.text == "hello world"
    (spoken,) = await outputs(
        runtime, "KokoroTTSNode", {"model": str(tmp_path / "mouth")}, [heard], place
    )
    assert np.abs(spoken.samples).max() == pytest.approx(0.5, abs=0.01)


@pytest.mark.skipif(
    not tiny_transformers.is_installed(),
    reason='needs pip install "millrace-runtime[models]"',
)
@pytest.mark.parametrize("place", PLACES)
async def test_a_hugging_face_model_runs_in_both_places(runtime, tmp_path, place):
    tiny_transformers.save_bert(tmp_path, "Model")
    params = {"task": "feature-extraction", "model": str(tmp_path)}
    (features,) = await outputs(runtime, "HFPipelineNode", params, [Text("the house")], place)
    assert features.array.shape == (4, 16)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("node_type", ["WhisperNode", "KokoroTTSNode"])
async def test_a_missing_model_ends_the_session_with_what_to_do(runtime, node_type, place):
    with pytest.raises(HookError, match="found no model 'nowhere'.* MILLRACE_MODELS") as caught:
        await outputs(runtime, node_type, {"model": "nowhere"}, [], place)
    assert caught.value.node_id == "node"
