"""No native node holds the event loop for the largest items that a client may send."""

import json
import re
import time

import numpy as np
import pytest
import trio

from actors import Audio, Data, Json, PixelFormat, Text, Video
from actors.catalogue import CATALOGUE
from runtime import HookError
from runtime.errors import sole_error
from tests.session.pipelines import manifest

MIB = 2**20
# What a machine that is busy with other things cannot make of some milliseconds of work.
MOST_SECONDS = 0.25
SECONDS = 20.0

random = np.random.default_rng(5)
SAMPLES = random.uniform(-0.5, 0.5, 32 * MIB // 4).astype(np.float32)
MONO = Audio(SAMPLES, 16000)
STEREO = Audio(SAMPLES.reshape(-1, 2), 8000)
SECOND = Audio(SAMPLES[:16000], 16000)
LONG = Audio(SAMPLES[:MIB], 16000)
LONG_STEREO = Audio(SAMPLES[: 2 * MIB].reshape(-1, 2), 8000)
INTEGERS = Audio((SAMPLES * 30000).astype(np.int16), 8000)
SEGMENTS = json.dumps([{"start": n, "end": n + 1, "text": "hello"} for n in range(100_000)])
NESTED = "[" + "[]," * (4 * MIB) + "[]]"
WORDS = "a word, and " * MIB
QUOTES = '"' * (2 * MIB)
SPEECH = Json({"has_speech": True, "is_speech_start": True, "is_speech_end": False})
FRAME = Video(np.zeros(4000 * 2000 * 3, np.uint8), 4000, 2000, PixelFormat.RGB24)

LARGEST: dict[str, list[tuple[dict[str, object], list[Data]]]] = {
    "PassThrough": [({}, [MONO])],
    "CalculatorNode": [({}, [Json.from_text(NESTED)])],
    "AudioChunkerNode": [({"chunk_size": 2**22}, [MONO]), ({"chunk_size": 1}, [SECOND])],
    "FastResampleNode": [
        ({"target_rate": 192000}, [INTEGERS]),
        ({"target_rate": 44100, "quality": "High"}, [STEREO]),
    ],
    "SileroVADNode": [({}, [LONG]), ({"sampling_rate": 8000}, [LONG_STEREO])],
    "AudioBufferAccumulatorNode": [
        ({"max_utterance_duration_ms": 600_000}, [SPEECH, MONO, MONO]),
        ({}, [Json.from_text(NESTED)]),
    ],
    "AudioLevelNode": [({}, [MONO]), ({}, [INTEGERS])],
    "ClippingDetectorNode": [({}, [MONO])],
    "ChannelBalanceNode": [({}, [STEREO])],
    "SilenceDetectorNode": [({}, [INTEGERS])],
    "TextCollectorNode": [
        ({}, [Text("a" * 256 * 1024)]),
        ({}, [Text(WORDS)]),
        ({}, [Text("." * (8 * MIB))]),
        ({"split_pattern": "(?:a?|b?){60}c"}, [Text("ab" * (MIB // 4))]),
    ],
    "SrtOutput": [
        ({}, [Json.from_text(SEGMENTS)]),
        ({}, [Text(f'{{"text": "", "segments": {SEGMENTS}}}')]),
        ({}, [Json.from_text(f'{{"words": {NESTED}, "segments": []}}')]),
        ({"max_line_length": 8}, [Text(WORDS, metadata={"start_ms": "0", "end_ms": "1"})]),
    ],
    "VideoFlip": [({"direction": "horizontal"}, [FRAME])],
    "VideoScaler": [({"target_width": 640}, [FRAME])],
    "TurnNode": [({}, [STEREO]), ({}, [Text("word " * 13_000)])],
    "TimeJoinNode": [({}, [MONO, Json.from_text(NESTED)])],
    "RouteNode": [({}, [MONO, Json.from_text(NESTED)])],
    "ThrottleNode": [({"interval_ms": 1}, [MONO, Json.from_text(NESTED)])],
    "WindowNode": [({"size": 2}, [MONO, Json.from_text(NESTED)])],
    "TextToJson": [({}, [Text(QUOTES)]), ({"parse": True}, [Text(NESTED)])],
    "JsonToText": [
        ({}, [Json.from_text(NESTED)]),
        ({}, [Json(QUOTES)]),
        ({"field": "answer"}, [Json.from_text(f'{{"other": {NESTED}, "answer": "yes"}}')]),
    ],
    "AudioFormatNode": [
        ({"sample_format": "f32", "channels": "stereo"}, [INTEGERS]),
        ({"sample_format": "i32", "channels": "mono"}, [STEREO]),
    ],
}
CASES = [(name, *case) for name, cases in LARGEST.items() for case in cases]


class Spans(trio.abc.Instrument):
    """How long a task computes without a pause, by its own processor time."""

    longest = 0.0
    began: float | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        if self.began is not None:
            self.longest = max(self.longest, time.thread_time() - self.began)


def test_every_native_type_has_its_largest_items():
    assert {entry.name for entry in CATALOGUE if entry.executor == "native"} == LARGEST.keys()


@pytest.mark.parametrize(
    ("name", "params", "items"),
    CASES,
    ids=[f"{name}-{index}" for index, (name, *_) in enumerate(CASES)],
)
async def test_neighbours_run_while_a_node_works_on_its_largest_item(runtime, name, params, items):
    spans = Spans()
    passed = 0

    async def pass_small_items(neighbour) -> None:
        nonlocal passed
        results = aiter(neighbour)
        while True:
            await neighbour.send(Text("small"))
            await anext(results)
            passed += 1

    async def work() -> None:
        async with (
            runtime.open_session(manifest({"other": "PassThrough"})) as neighbour,
            runtime.open_session(manifest({"node": (name, params)})) as session,
            trio.open_nursery() as nursery,
        ):
            await session.wait_ready()
            await neighbour.wait_ready()
            nursery.start_soon(pass_small_items, neighbour)
            trio.lowlevel.add_instrument(spans)
            try:
                await work_on(session, items)
            finally:
                trio.lowlevel.remove_instrument(spans)
                nursery.cancel_scope.cancel()

    refusal = ""
    try:
        with trio.fail_after(120):
            await work()
    except HookError as error:
        refusal = str(error)
    except BaseExceptionGroup as group:
        refusal = str(sole_error(group))
    assert not refusal or re.search("DataError: .* (at most|is the most)", refusal), refusal
    assert spans.longest < MOST_SECONDS
    assert passed > 0 or refusal


async def work_on(session, items: list[Data]) -> None:
    """Let a session process items, for some time."""
    with trio.move_on_after(SECONDS):
        for item in items:
            await session.send(item)
        await session.close_input()
        async for _ in session:
            pass
