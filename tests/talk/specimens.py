"""Pipelines to talk with."""

from collections.abc import AsyncIterator, Iterator

import numpy as np
import trio

from actors import Actor, Audio, CancelSpeculation, Control, Data, Kind, NoParams, Text
from runtime import Manifest
from tests.session.pipelines import manifest

FIRST = "what time is it"
SECOND = "turn the lights on in the kitchen"
LONG_ANSWER = "It is late, and " + "this is a very long story about it, " * 12
SHORT_ANSWER = "The lights in the kitchen are on now."
GRAMMAR = f"""#JSGF V1.0;
grammar test;
public <command> = {FIRST} | {SECOND} ;
"""
HOSTILE = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
TONE_SECONDS = 60


class TalkativeNode(Actor[NoParams]):
    """Answer the first command at length, and any other shortly."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Iterator[Text]:
        yield Text(LONG_ANSWER if item.text == FIRST else SHORT_ANSWER)


class ToneNode(Actor[NoParams]):
    """Give a minute of a tone for the first chunk, and hostile text; nothing for the others."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO, Kind.TEXT})

    def initialize(self) -> None:
        self._has_begun = False

    async def process(self, item: Audio) -> AsyncIterator[Data]:
        if not self._has_begun:
            self._has_begun = True
            yield Text(HOSTILE, metadata={"partial": "true"})
            yield Text(HOSTILE)
            second = (0.3 * np.sin(np.arange(16000) / 16000 * 2 * np.pi * 300)).astype(np.float32)
            for _ in range(TONE_SECONDS):
                yield Audio(second, 16000)
                await trio.lowlevel.checkpoint()


class PiecesNode(Actor[NoParams]):
    """Give an answer in pieces, for the first chunk."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        self._pieces = ["It is", " late", "."]

    def process(self, item: Audio) -> Iterator[Text]:
        while self._pieces:
            yield Text(self._pieces.pop(0), metadata={"partial": "true"})


class WholeNode(PiecesNode):
    """Give an answer in pieces, and then the whole, for the first chunk."""

    def process(self, item: Audio) -> Iterator[Text]:
        pieces = list(super().process(item))
        yield from pieces
        if pieces:
            yield Text("It is late!")


class CancellingNode(Actor[NoParams]):
    """Cancel everything before a chunk."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.CONTROL})

    def process(self, item: Audio) -> Control:
        return Control(CancelSpeculation(0, self.context.timestamp_ms))


class HangingNode(Actor[NoParams]):
    """Take one chunk, and never return."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset[Kind]()

    async def process(self, item: Audio) -> None:
        await trio.sleep_forever()


class FloodNode(Actor[NoParams]):
    """Give 200 MB of text for each chunk."""

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.TEXT})

    async def process(self, item: Audio) -> AsyncIterator[Text]:
        for _ in range(4000):
            yield Text("x" * 50_000)
            await trio.lowlevel.checkpoint()


def of_one(kind: str, place: str = "native", node: str = "node") -> Manifest:
    """Return a pipeline of one node."""
    return manifest({node: kind}, places={node: place})


def assistant() -> Manifest:
    """Recognizes two commands, and answers."""
    return manifest(
        {
            "resample": ("FastResampleNode", {"target_rate": 16000}),
            "chunk": ("AudioChunkerNode", {"chunk_size": 512}),
            "vad": ("SileroVADNode", {"min_silence_duration_ms": 300}),
            "hear": ("PocketSphinxNode", {"grammar": GRAMMAR, "silence_ms": 300}),
            "heard": "PassThrough",
            "answer": "TalkativeNode",
            "said": "PassThrough",
            "speak": ("EspeakNode", {"voice": "en-us+m3", "rate_wpm": 170}),
        },
        [
            *("resample > chunk", "chunk > vad", "vad > hear", "hear > heard", "hear > answer"),
            *("answer > said", "answer > speak"),
        ],
        places={"answer": "native"},
    )
