"""EspeakNode."""

from collections.abc import Iterator
from typing import Final

import numpy as np

from ..actor import Actor
from ..data import DEFAULT_CHANNEL, Array, Audio, Text
from ..kinds import Kind
from ..params import Field, Params
from ._espeak_library import SAMPLE_RATE_HZ, EspeakLibrary, Speech
from ._extras import import_library
from ._library_errors import library_errors
from ._sentences import split_long_text

_FULL_SCALE: Final = 32768.0
_NAME: Final = "[A-Za-z0-9][A-Za-z0-9 ()_-]*"


class EspeakParams(Params):
    """The voice of EspeakNode."""

    voice: str = Field(
        "en-us+f3",
        # The library makes a file's path of it: no dots, and a slash only within the language.
        pattern=rf"^{_NAME}(/{_NAME})?(\+[A-Za-z0-9 _-]*)?$",
        max_length=100,
        description="language of espeak-ng, with or without a variant after +",
    )
    rate_wpm: int = Field(150, ge=80, le=450, description="speed in words per minute, 80 to 450")
    pitch: int = Field(50, ge=0, le=100, description="0 (deep) to 100 (high)")
    stream_chunks: bool = Field(
        True, description="whether to send chunks of about 150 ms, or one for the whole text"
    )


class EspeakNode(Actor[EspeakParams]):
    """Speak text, with espeak-ng.

    In: text. Out: mono audio at 22050 Hz, float32, in chunks of about 150 ms as they are made, or
    in one piece if stream_chunks is false. Metadata is that of the text. Text without a letter or
    a sign gives no audio, and neither does text for another channel than "tts" (or none).

    Speaking takes a thousandth of the speech's duration. The library and its voices come with the
    package `espeakng-loader`; nothing is downloaded. A process has one copy of the library: several
    of these nodes in one process take turns.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.AUDIO})
    runs_in_thread = True

    @classmethod
    def preload(cls, params: EspeakParams) -> None:
        """Load the library, of which a process has one copy."""
        cls(params)._load()

    def initialize(self) -> None:
        """Load the library and find the voice.

        Raises:
            ImportError: the library is not installed.
            ModelError: the library cannot be loaded, or does not start.
            ValueError: there is no such voice.
        """
        self.context.progress(0.1, "loading espeak-ng")
        self._library = self._load()
        self.context.progress(0.8, f"loading the voice {self.params.voice}")
        self._speech = Speech(self.params.voice, self.params.rate_wpm, self.params.pitch)
        self._library.check(self._speech)

    def _load(self) -> EspeakLibrary:
        loader = import_library("espeakng_loader", extra="speech", node_type="EspeakNode")
        with library_errors("espeak-ng", "the library cannot be loaded"):
            return EspeakLibrary.load(loader.get_library_path(), loader.get_data_path())

    def process(self, item: Text) -> Iterator[Audio]:
        """Yield the speech.

        Raises:
            RuntimeError: espeak-ng reports an error.
        """
        if item.channel not in ("", DEFAULT_CHANNEL) or not item.text.strip():
            return
        chunks: Iterator[Array] = (
            chunk
            for part in split_long_text(item.text)
            for chunk in self._library.speak(part, self._speech)
        )
        if not self.params.stream_chunks:
            whole = list(chunks)
            chunks = iter([np.concatenate(whole)] if whole else [])
        for chunk in chunks:
            yield self._audio(chunk, item)

    def _audio(self, chunk: Array, item: Text) -> Audio:
        """Scale to float32, which clients expect that do not read the format."""
        samples = self.context.loan(len(chunk), np.float32)
        np.divide(chunk, _FULL_SCALE, out=samples, casting="same_kind")
        return Audio(samples, SAMPLE_RATE_HZ, metadata=item.metadata)
