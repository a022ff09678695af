"""SherpaASRNode."""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from ..actor import Actor
from ..data import Array, Audio, Json, Text
from ..kinds import Kind
from ..params import Field, Params
from ._extras import find_package, import_library
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._model_folder import ModelName, check_files, find_model_folder
from ._sample_rate import check_sample_rate
from ._vad_event import VadEvent

if TYPE_CHECKING:
    from sherpa_onnx import OnlineRecognizer, OnlineStream

_NODE: Final = "SherpaASRNode"
_HOLDS: Final = (
    "a streaming model of sherpa-onnx: tokens.txt with encoder, decoder and joiner, or encoder and "
    "decoder, or one model, as .onnx files"
)
# A model looks ahead some frames: after the end of speech it is given this much silence, so that
# the last word comes out.
_TAIL_SECONDS: Final = 0.6
_SILENT_START_SECONDS: Final = 10.0

Architecture = Literal[
    "auto", "transducer", "paraformer", "zipformer2_ctc", "nemo_ctc", "t_one_ctc", "wenet_ctc"
]


class SherpaASRParams(Params):
    """The model of SherpaASRNode, and where its utterances end."""

    model: ModelName = Field(
        "sherpa",
        description="name of the model's folder in the operator's MILLRACE_MODELS, or its path",
    )
    architecture: Architecture = Field(
        "auto",
        description='"auto": a transducer or a paraformer, by the files; a model of one file must '
        "name its own",
    )
    int8: bool = Field(
        True, description="whether files with int8 in their names are preferred, where both exist"
    )
    sample_rate: Literal[8000, 16000] = Field(
        16000, description="sample rate of the audio in Hz, as the model has learned it"
    )
    partial: bool = Field(
        True, description="whether the text of an utterance comes before its end too"
    )
    silence_ms: int = Field(
        800, ge=100, le=10_000, description="ms without a word after which an utterance ends"
    )
    max_utterance_ms: int = Field(
        20_000, ge=1000, le=300_000, description="ms after which an utterance is ended anyway"
    )
    decoding: Literal["greedy_search", "modified_beam_search"] = Field(
        "greedy_search", description="beam search, for transducers, is slower, and mostly better"
    )
    num_threads: int = Field(1, ge=1, le=64, description="threads of the processor")


class SherpaASRNode(Actor[SherpaASRParams]):
    """Recognize speech while it is spoken, with a streaming model (sherpa-onnx).

    In: audio at sample_rate (several channels are mixed), and between it the JSON events of a
    SileroVADNode if there is one: the end of speech then ends the utterance too. Out: one text for
    each utterance in which words were recognized, with metadata

        start_ms, end_ms   where the audio of the utterance starts and ends in the stream

    and before it, as often as it changes, the text so far, with the metadata `partial` = "true".
    Samples that are NaN or infinite are silence.

    The weights come from a local folder; nothing is downloaded. A client names a folder in the
    operator's MILLRACE_MODELS; other manifests may give a path that begins with / or ./.

    The library ends its whole process on a model that it does not understand: do not run this node
    in the server's process.
    """

    accepts = frozenset({Kind.AUDIO, Kind.JSON})
    produces = frozenset({Kind.TEXT})
    runs_in_thread = True

    preload_params = frozenset(
        {
            *("model", "architecture", "sample_rate", "decoding", "num_threads"),
            *("silence_ms", "max_utterance_ms"),
        }
    )

    @classmethod
    def preload(cls, params: SherpaASRParams) -> dict[Hashable, object]:
        """Load the model; with more threads than one, it cannot be forked."""
        return {"recognizer": cls(params)._load()}

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: sherpa-onnx is not installed.
            FileNotFoundError: there is no such model, or a file of it is missing.
            ModelError: the model cannot be loaded.
            ValueError: the model's architecture must be named.
        """
        self._recognizer: OnlineRecognizer | None = None
        self._stream: OnlineStream | None = None
        self._last = ""
        self._recognizer = self.context.preloaded("recognizer", self._load)
        self._position = 0
        self._begin()

    def _load(self) -> "OnlineRecognizer":
        find_package("sherpa_onnx", extra="sherpa", node_type=_NODE)
        folder = find_model_folder(
            self.params.model, node_type=_NODE, holds=_HOLDS, prefix="sherpa-onnx-"
        )
        check_files(folder, ("tokens.txt",), node_type=_NODE, holds=_HOLDS)
        constructor, files = self._files(folder)
        self.context.progress(0.1, "loading sherpa-onnx")
        library = import_library("sherpa_onnx", extra="sherpa", node_type=_NODE)
        self.context.progress(0.3, f"loading the model {folder.name}")
        beam = {} if constructor.endswith("ctc") else {"decoding_method": self.params.decoding}
        with library_errors("sherpa-onnx", f"the model {folder.name} cannot be loaded"):
            recognizer: OnlineRecognizer = getattr(library.OnlineRecognizer, f"from_{constructor}")(
                tokens=str(folder / "tokens.txt"),
                num_threads=self.params.num_threads,
                sample_rate=self.params.sample_rate,
                enable_endpoint_detection=True,
                rule1_min_trailing_silence=_SILENT_START_SECONDS,
                rule2_min_trailing_silence=self.params.silence_ms / 1000,
                rule3_min_utterance_length=self.params.max_utterance_ms / 1000,
                **{name: str(path) for name, path in files.items()},
                **beam,
            )
        return recognizer

    def process(self, item: Audio | Json) -> Iterator[Text]:
        """Yield the text so far where it has changed, and the text of an utterance that has ended.

        Raises:
            DataError: audio at another sample rate, or JSON that is no VAD event.
        """
        if isinstance(item, Json):
            if VadEvent.read(item).is_end:
                yield from self._finish()
            return
        check_sample_rate(item, self.params.sample_rate)
        self._accept(np.ascontiguousarray(finite_or_silent(item.as_mono()), np.float32))
        self._position += item.frames
        text, is_end = self._decode()
        if is_end:
            yield from self._finish()
        elif self.params.partial and text and text != self._last:
            self._last = text
            yield self._text(text, partial="true")

    def flush(self) -> Iterator[Text]:
        """Yield the text of the utterance that is open at the end of the stream."""
        yield from self._finish()

    def cleanup(self) -> None:
        """Release the model."""
        self._stream = None
        self._recognizer = None

    def _begin(self) -> None:
        """Begin an utterance. A new stream: an old one keeps its audio."""
        assert self._recognizer is not None
        self._stream = self._recognizer.create_stream()
        self._start = self._position
        self._last = ""

    def _accept(self, samples: Array) -> None:
        with library_errors("sherpa-onnx", "the model cannot process this audio", of_item=True):
            assert self._stream is not None
            self._stream.accept_waveform(self.params.sample_rate, samples)

    def _decode(self) -> tuple[str, bool]:
        """Return the text so far, and whether the utterance has ended."""
        recognizer, stream = self._recognizer, self._stream
        assert recognizer is not None
        assert stream is not None
        with library_errors("sherpa-onnx", "the model cannot process this audio", of_item=True):
            while recognizer.is_ready(stream):
                recognizer.decode_stream(stream)
            return recognizer.get_result(stream).strip(), recognizer.is_endpoint(stream)

    def _finish(self) -> Iterator[Text]:
        if self._start == self._position:
            return
        self._accept(np.zeros(int(_TAIL_SECONDS * self.params.sample_rate), np.float32))
        text, _ = self._decode()
        if text:
            yield self._text(text)
        self._begin()

    def _text(self, text: str, **metadata: str) -> Text:
        start, end = (
            round(place * 1000 / self.params.sample_rate) for place in (self._start, self._position)
        )
        return Text(text, metadata={"start_ms": str(start), "end_ms": str(end), **metadata})

    def _files(self, folder: Path) -> tuple[str, dict[str, Path]]:
        """Return the constructor for the model, and its files.

        Raises:
            FileNotFoundError: files are missing.
            ValueError: one file can be a model of several architectures.
        """
        chosen = self.params.architecture
        parts = {part: self._file(folder, part) for part in ("encoder", "decoder", "joiner")}
        if chosen == "auto":
            if parts["encoder"] is None:
                raise ValueError(
                    f"the model {folder.name} has no encoder: name its architecture, such as "
                    f"zipformer2_ctc, if it is one file; the folder must hold {_HOLDS}"
                )
            chosen = "paraformer" if parts["joiner"] is None else "transducer"
        names = {
            "transducer": ("encoder", "decoder", "joiner"),
            "paraformer": ("encoder", "decoder"),
        }
        needed = {
            part: parts.get(part, self._file(folder, "")) for part in names.get(chosen, ("model",))
        }
        found = {part: path for part, path in needed.items() if path is not None}
        if len(found) < len(needed):
            missing = ", ".join(f"{part}*.onnx" for part in needed if part not in found)
            raise FileNotFoundError(
                f"{_NODE} cannot load a model from {folder}: {missing} is missing; the folder must "
                f"hold {_HOLDS}"
            )
        return chosen, found

    def _file(self, folder: Path, part: str) -> Path | None:
        found = sorted(folder.glob(f"{part}*.onnx"))
        preferred = [path for path in found if ("int8" in path.name) is self.params.int8]
        return next(iter(preferred or found), None)
