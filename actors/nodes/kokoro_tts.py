"""KokoroTTSNode."""

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
from pydantic import field_validator, model_validator

from ..actor import Actor
from ..data import DEFAULT_CHANNEL, Array, Audio, Text
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package, import_library
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._model_folder import ModelName, find_model_folder, only_file
from ._onnx_runtime import import_onnxruntime
from ._sentences import split_long_text

if TYPE_CHECKING:
    from kokoro_onnx import Kokoro

_SAMPLE_RATE_HZ: Final = 24000
_HOLDS: Final = "a Kokoro model: one .onnx file and its voices file (such as voices-v1.0.bin)"

# Kokoro's code of a language, and that of espeak-ng, which makes phonemes of the text.
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

# The pause between two sentences of one text is trimmed off where each is spoken alone.
_PAUSE_SECONDS: Final = 0.25

# A shorter sentence is spoken with the next one: a single word sounds better in a context.
_SHORTEST_PART: Final = 20


# Languages as manifests of the older service name them.
_CODES: Final = {
    **{espeak: code for code, espeak in _LANGUAGES.items()},
    "en": "a",
    "fr": "f",
    "pt": "p",
    "zh": "z",
    **{code: code for code in _LANGUAGES},
}

# The name of the model on the network, where nothing is looked up: its folder is "kokoro" here.
_PUBLISHED_AS: Final = "hexgrad/Kokoro-82M"
_DEFAULT_MODEL: Final = "kokoro"


class KokoroTTSParams(Params):
    """The voice of KokoroTTSNode.

    text, language, model_id and device are those of manifests of an older service. A value that
    this node cannot honour is refused.
    """

    model: ModelName = Field(
        _DEFAULT_MODEL,
        description="name of the folder with the .onnx file and the voices in the operator's "
        "MILLRACE_MODELS, or its path",
    )
    lang_code: Literal["a", "b", "e", "f", "h", "i", "j", "p", "z"] = Field(
        "a",
        description="a American English, b British English, e Spanish, f French, h Hindi, "
        "i Italian, j Japanese, p Brazilian Portuguese, z Mandarin",
    )
    voice: str = Field(
        "af_heart",
        min_length=1,
        max_length=100,
        description="a voice of the model's voices file, such as bm_lewis",
    )
    speed: float = Field(1.0, ge=0.5, le=2, description="0.5 (slow) to 2 (fast)")
    sample_rate: Literal[24000] = Field(
        24000, description="sample rate of the speech in Hz; the model has just this one"
    )
    stream_chunks: bool = Field(
        True, description="whether each sentence comes as it is made, or the whole text at once"
    )
    text: str | None = Field(
        None, max_length=0, description="empty or absent: the text to speak comes in items"
    )
    language: str | None = Field(
        None,
        max_length=10,
        description='such as "en", "en-gb" or "ja", in place of lang_code; both must agree',
    )
    model_id: ModelName | None = Field(
        None,
        description=f'in place of model; "{_PUBLISHED_AS}" is the folder "{_DEFAULT_MODEL}"',
    )
    device: Literal["auto", "cpu"] | None = Field(
        None, description='"auto" or "cpu": this node computes on the processor'
    )

    @field_validator("text", mode="before")
    @classmethod
    def _no_text(cls, value: object) -> object:
        if isinstance(value, str) and value:
            raise ValueError(
                "the text to speak comes in items, not in a param: leave text out, and send "
                f"{value[:40]!r} to the node"
            )
        return value

    @field_validator("device", mode="before")
    @classmethod
    def _on_the_processor(cls, value: object) -> object:
        if isinstance(value, str) and value not in ("auto", "cpu"):
            raise ValueError(
                f'this node computes on the processor: use "cpu" or leave device out, got '
                f"{value[:40]!r}"
            )
        return value

    @model_validator(mode="after")
    def _one_meaning(self) -> Self:
        given = self.model_fields_set
        if self.language is not None:
            code = _CODES.get(_language_key(self.language))
            if code is None:
                raise ValueError(
                    f"language: {self.language!r} is none of this model's languages: "
                    f"{', '.join(sorted(_CODES))}"
                )
            if "lang_code" in given and self.lang_code != code:
                raise ValueError(
                    f"language {self.language!r} is lang_code {code!r}, and lang_code is "
                    f"{self.lang_code!r}; give one of them"
                )
        if self.model_id is not None and "model" in given and self.model != self.model_id:
            raise ValueError("model and model_id name different models; give one of them")
        return self

    @property
    def espeak_language(self) -> str:
        """The language as espeak-ng names it."""
        code = self.lang_code if self.language is None else _CODES[_language_key(self.language)]
        return _LANGUAGES[code]

    @property
    def model_name(self) -> str:
        """The name or the path of the model's folder."""
        name = self.model if self.model_id is None else self.model_id
        return _DEFAULT_MODEL if name == _PUBLISHED_AS else name


def _language_key(language: str) -> str:
    return language.lower().replace("_", "-")


class KokoroTTSNode(Actor[KokoroTTSParams]):
    """Speak text, with Kokoro (kokoro-onnx).

    In: text. Out: mono audio at 24000 Hz, float32: one chunk a sentence, as it is made, or one for
    the whole text if stream_chunks is false. Metadata is that of the text. Text with nothing to
    pronounce gives no audio, and neither does text for another channel than "tts" (or none).

    The weights come from a local folder; nothing is downloaded. A client names a folder in the
    operator's MILLRACE_MODELS; other manifests may give a path that begins with / or ./.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.AUDIO})
    runs_in_thread = True

    @classmethod
    def preload(cls, params: KokoroTTSParams) -> None:
        """Import the library: a model has threads, which a fork would not have."""
        import_onnxruntime(extra="kokoro", node_type="KokoroTTSNode")
        import_library("kokoro_onnx", extra="kokoro", node_type="KokoroTTSNode")

    def initialize(self) -> None:
        """Load the model and find the voice.

        Raises:
            ImportError: kokoro-onnx is not installed.
            FileNotFoundError: there is no such model, or a file of it is missing.
            ModelError: the model cannot be loaded.
            ValueError: there is no such voice.
        """
        find_package("kokoro_onnx", extra="kokoro", node_type="KokoroTTSNode")
        folder = find_model_folder(self.params.model_name, node_type="KokoroTTSNode", holds=_HOLDS)
        weights = only_file(folder, ("*.onnx",), node_type="KokoroTTSNode", holds=_HOLDS)
        voices = only_file(
            folder, ("voices*.bin", "voices*.npz"), node_type="KokoroTTSNode", holds=_HOLDS
        )
        self.context.progress(0.1, "loading kokoro-onnx")
        import_onnxruntime(extra="kokoro", node_type="KokoroTTSNode")
        library = import_library("kokoro_onnx", extra="kokoro", node_type="KokoroTTSNode")
        self.context.progress(0.3, f"loading the model {weights.name}")
        with library_errors("kokoro-onnx", f"the model {weights.name} cannot be loaded"):
            self._kokoro: Kokoro | None = library.Kokoro(str(weights), str(voices))
            known = self._kokoro.get_voices()
        self._check_voice(known)

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
        """Release the model."""
        self._kokoro = None

    def _speak(self, text: str) -> Array | None:
        """Return speech, float32 of shape (frames,); None where there is nothing to pronounce."""
        assert self._kokoro is not None
        language = self.params.espeak_language
        speech: Array
        with library_errors("kokoro-onnx", "this text cannot be spoken", of_item=True):
            phonemes = self._kokoro.tokenizer.phonemize(text, language)
            if not any(map(str.isalnum, self._kokoro.tokenizer.known(phonemes))):
                return None
            speech, _ = self._kokoro.create(
                phonemes, self.params.voice, self.params.speed, language, is_phonemes=True
            )
        return finite_or_silent(speech)

    def _check_voice(self, known: list[str]) -> None:
        voice = self.params.voice
        if voice not in known:
            near = difflib.get_close_matches(voice, known, n=3) or known
            raise ValueError(
                f"the model {self.params.model_name!r} has no voice {voice!r}; it has "
                f"{', '.join(near)}{'' if near is known else ', among others'}"
            )
