"""KokoroTTSNode."""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import DEFAULT_CHANNEL, Array, Audio, Text
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package, import_library
from ._model_folder import find_model_folder, only_file
from ._onnx_runtime import import_onnxruntime
from ._sentences import split_long_text

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

_SAMPLE_RATE_HZ: Final = 24000
_HOLDS: Final = "a Kokoro model: one .onnx file and its voices file (voices-v1.0.bin, say)"

# Kokoro's code of a language, and espeak-ng's, which makes phonemes of the text.
_LANGUAGES: Final = {
    "a": "en-us",
    "b": "en-gb",
    "e": "es",
    "f": "fr-fr",
    "h": "hi",
    "i": "it",
    "j": "ja",
    "p": "pt-br",
    "z": "cmn",
}

# What the model leaves between two sentences of one text is trimmed off where each is made alone.
_PAUSE_SECONDS: Final = 0.25

# A shorter sentence is spoken with the next one: a single word sounds better in a context.
_SHORTEST_PART: Final = 20


class KokoroTTSParams(Params):
    """How KokoroTTSNode speaks."""

    model: str = Field(
        "kokoro",
        min_length=1,
        description="folder with the .onnx file and the voices, or its name in the operator's "
        "MILLRACE_MODELS",
    )
    lang_code: Literal["a", "b", "e", "f", "h", "i", "j", "p", "z"] = Field(
        "a",
        description="a American English, b British English, e Spanish, f French, h Hindi, "
        "i Italian, j Japanese, p Brazilian Portuguese, z Mandarin",
    )
    voice: str = Field(
        "af_heart", min_length=1, description="a voice of the model's voices file, such as bm_lewis"
    )
    speed: float = Field(1.0, ge=0.5, le=2, description="0.5 (slow) to 2 (fast)")
    sample_rate: Literal[24000] = Field(
        24000, description="sample rate of the speech in Hz; the model has just this one"
    )
    stream_chunks: bool = Field(
        True, description="whether to give each sentence as it is made, or the whole text at once"
    )


class KokoroTTSNode(Actor[KokoroTTSParams]):
    """Speak text, with Kokoro (kokoro-onnx).

    In: text. Out: mono audio at 24000 Hz, float32: one chunk a sentence, as it is made, or one for
    the whole text if stream_chunks is false. Metadata is that of the text. Text with
    nothing to pronounce gives nothing, and neither does text for another channel than "tts" (or
    none).

    The weights come from a local folder; nothing is downloaded.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.AUDIO})
    runs_in_thread = True

    def initialize(self) -> None:
        """Load the model and find the voice.

        Raises:
            ImportError: kokoro-onnx is not installed.
            FileNotFoundError: there is no such model, or a file of it is missing.
            ValueError: there is no such voice.
        """
        find_package("kokoro_onnx", extra="kokoro", node_type="KokoroTTSNode")
        folder = find_model_folder(self.params.model, node_type="KokoroTTSNode", holds=_HOLDS)
        weights = only_file(folder, ("*.onnx",), node_type="KokoroTTSNode", holds=_HOLDS)
        voices = only_file(
            folder, ("voices*.bin", "voices*.npz"), node_type="KokoroTTSNode", holds=_HOLDS
        )
        self.context.progress(0.1, "loading kokoro-onnx")
        import_onnxruntime(extra="kokoro", node_type="KokoroTTSNode")
        library = import_library("kokoro_onnx", extra="kokoro", node_type="KokoroTTSNode")
        self.context.progress(0.3, f"loading the model {weights.name}")
        self._kokoro: Kokoro | None = library.Kokoro(str(weights), str(voices))
        self._check_voice(self._kokoro.get_voices())

    def process(self, item: Text) -> Iterator[Audio]:
        """Yield the speech."""
        if item.channel not in ("", DEFAULT_CHANNEL):
            return
        is_stream = self.params.stream_chunks
        pause = 0
        for part in split_long_text(item.text, _SHORTEST_PART) if is_stream else [item.text]:
            speech = self._speak(part)
            if speech is not None:
                samples = self.context.loan(pause + len(speech), np.float32)
                samples[:pause] = 0
                samples[pause:] = speech
                yield Audio(samples, _SAMPLE_RATE_HZ, metadata=item.metadata)
                pause = round(_PAUSE_SECONDS * _SAMPLE_RATE_HZ)

    def cleanup(self) -> None:
        """Let go of the model."""
        self._kokoro = None

    def _speak(self, text: str) -> Array | None:
        """Return speech, float32 of shape (frames,); None where there is nothing to pronounce."""
        assert self._kokoro is not None
        language = _LANGUAGES[self.params.lang_code]
        phonemes = self._kokoro.tokenizer.phonemize(text, language)
        if not any(map(str.isalnum, self._kokoro.tokenizer.known(phonemes))):
            return None
        speech: Array
        speech, _ = self._kokoro.create(
            phonemes, self.params.voice, self.params.speed, language, is_phonemes=True
        )
        return speech

    def _check_voice(self, known: list[str]) -> None:
        voice = self.params.voice
        if voice not in known:
            near = difflib.get_close_matches(voice, known, n=3) or known
            raise ValueError(
                f"the model {self.params.model!r} has no voice {voice!r}; it has "
                f"{', '.join(near)}{'' if near is known else ', among others'}"
            )
