"""PiperTTSNode."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..actor import Actor
from ..data import DEFAULT_CHANNEL, Array, Audio, Text
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package, import_library
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._model_folder import ModelName, check_files, find_model_folder, only_file
from ._onnx_runtime import import_onnxruntime

if TYPE_CHECKING:
    from piper import PiperVoice, SynthesisConfig

_NODE: Final = "PiperTTSNode"
_HOLDS: Final = "a Piper voice: one .onnx file, and its settings in the same name with .json"
# Voices of other phonemes download a model of their own when they first speak.
_PHONEMES: Final = ("espeak", "text")


class PiperTTSParams(Params):
    """The voice of PiperTTSNode."""

    model: ModelName = Field(
        "piper",
        description="name of the folder with the voice in the operator's MILLRACE_MODELS, or its "
        "path",
    )
    speaker: str | None = Field(
        None,
        max_length=200,
        description="name or number of a speaker, for a voice that has several; absent: the first",
    )
    speed: float = Field(1.0, ge=0.25, le=4, description="0.25 (slow) to 4 (fast)")
    volume: float = Field(1.0, ge=0, le=10, description="linear factor")
    stream_chunks: bool = Field(
        True, description="whether each sentence comes as it is made, or the whole text at once"
    )


class PiperTTSNode(Actor[PiperTTSParams]):
    """Speak text, with Piper (piper-tts).

    In: text. Out: mono audio at the voice's sample rate (16000 or 22050 Hz), float32: one chunk a
    sentence, as it is made, or one for the whole text if stream_chunks is false. Metadata is that
    of the text. Text with nothing to pronounce gives no audio, and neither does text for another
    channel than "tts" (or none).

    The voice comes from a local folder; nothing is downloaded. A client names a folder in the
    operator's MILLRACE_MODELS; other manifests may give a path that begins with / or ./. Voices
    whose phonemes are made by another model (Chinese, Japanese, Hebrew, Thai) are refused. The
    library piper-tts has the licence GPL-3.0.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.AUDIO})
    runs_in_thread = True

    @classmethod
    def preload(cls, params: PiperTTSParams) -> None:
        """Import the library: a voice has threads, which a fork would not have."""
        import_onnxruntime(extra="piper", node_type=_NODE)
        import_library("piper", extra="piper", node_type=_NODE)

    def initialize(self) -> None:
        """Load the voice.

        Raises:
            ImportError: piper-tts is not installed.
            FileNotFoundError: there is no such voice, or a file of it is missing.
            ModelError: the voice cannot be loaded.
            ValueError: it has no such speaker, or phonemes of a kind that needs another model.
        """
        self._voice: PiperVoice | None = None
        find_package("piper", extra="piper", node_type=_NODE)
        folder = find_model_folder(
            self.params.model, node_type=_NODE, holds=_HOLDS, prefix="piper-"
        )
        weights = only_file(folder, ("*.onnx",), node_type=_NODE, holds=_HOLDS)
        check_files(folder, (f"{weights.name}.json",), node_type=_NODE, holds=_HOLDS)
        self._check_phonemes(weights)
        self.context.progress(0.1, "loading piper-tts")
        import_onnxruntime(extra="piper", node_type=_NODE)
        library = import_library("piper", extra="piper", node_type=_NODE)
        self.context.progress(0.4, f"loading the voice {weights.stem}")
        with library_errors("piper-tts", f"the voice {weights.stem} cannot be loaded"):
            voice = library.PiperVoice.load(weights)
        self._settings: SynthesisConfig = library.SynthesisConfig(
            speaker_id=self._speaker(voice.config.num_speakers, voice.config.speaker_id_map),
            length_scale=voice.config.length_scale / self.params.speed,
            volume=self.params.volume,
        )
        self._voice = voice

    def process(self, item: Text) -> Iterator[Audio]:
        """Yield the speech.

        Raises:
            DataError: the library cannot speak the text.
        """
        if item.channel not in ("", DEFAULT_CHANNEL) or not any(map(str.isalnum, item.text)):
            return
        parts = self._speak(item.text)
        if not self.params.stream_chunks:
            whole = list(parts)
            parts = iter([np.concatenate(whole)] if whole else [])
        assert self._voice is not None
        for part in parts:
            samples = self.context.loan(len(part), np.float32)
            samples[:] = part
            yield Audio(samples, self._voice.config.sample_rate, metadata=item.metadata)

    def cleanup(self) -> None:
        """Release the voice."""
        self._voice = None

    def _speak(self, text: str) -> Iterator[Array]:
        assert self._voice is not None
        # Text in [[ ]] is phonemes for the library, and what a client sends is text.
        plain = text.replace("[[", "[ [").replace("]]", "] ]")
        chunks = iter(self._voice.synthesize(plain, self._settings))
        while True:
            with library_errors("piper-tts", "this text cannot be spoken", of_item=True):
                chunk = next(chunks, None)
            if chunk is None:
                return
            speech = np.asarray(chunk.audio_float_array, np.float32).reshape(-1)
            if len(speech):
                yield finite_or_silent(speech)

    def _check_phonemes(self, weights: Path) -> None:
        with library_errors("JSON", f"the settings of the voice {weights.stem} cannot be read"):
            settings: Any = json.loads(Path(f"{weights}.json").read_text("utf-8"))
            kind = settings.get("phoneme_type", _PHONEMES[0])
        if kind not in _PHONEMES:
            raise ValueError(
                f"the voice {weights.stem} has phonemes of the kind {kind!r}, which another model "
                f"makes that would be downloaded; {_NODE} speaks with those of espeak"
            )

    def _speaker(self, count: int, names: dict[str, int]) -> int | None:
        speaker = self.params.speaker
        if speaker is None:
            return None
        if speaker in names:
            return names[speaker]
        if speaker.isascii() and speaker.isdecimal() and len(speaker) < 6 and int(speaker) < count:
            return int(speaker)
        known = ", ".join(list(names)[:20]) or f"0 to {count - 1}"
        raise ValueError(
            f"the voice {self.params.model!r} has no speaker {speaker!r}; it has {known}"
        )
