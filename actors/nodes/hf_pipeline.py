"""HFPipelineNode."""

from collections.abc import Callable
from typing import Any, Final, Literal, Self

from pydantic import JsonValue, model_validator

from ..actor import Actor
from ..data import Audio, Data, Json, Text, Video
from ..errors import DataError
from ..kinds import Kind
from ..offline import stay_offline
from ..params import Field, Params
from ._extras import find_package, import_library
from ._hf_arguments import argument_fault
from ._hf_tasks import TASKS
from ._library_errors import library_errors
from ._model_folder import ModelName, check_files, find_model_folder
from ._progress_bars import keep_progress_bars_from_threads

_HOLDS: Final = (
    "a model as save_pretrained() writes it (config.json, model.safetensors, and the tokenizer or "
    "the preprocessor that its task needs)"
)

TaskName = Literal[
    "text-classification",
    "token-classification",
    "fill-mask",
    "zero-shot-classification",
    "text-generation",
    "feature-extraction",
    "text-to-audio",
    "automatic-speech-recognition",
    "audio-classification",
    "image-classification",
    "object-detection",
]


class HFPipelineParams(Params):
    """The model of HFPipelineNode and its task."""

    task: TaskName = Field(description="the task of the model, as Hugging Face names it")
    model: ModelName = Field(
        description="name of the model's folder in the operator's MILLRACE_MODELS, or its path"
    )
    device: str = Field(
        "auto",
        pattern=r"^(auto|cpu|mps|cuda(:\d{1,2})?)$",
        max_length=10,
        description='"auto" (an accelerator if there is one), "cpu", "cuda", "cuda:1" or "mps"',
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description='type of the weights in memory; "auto": as they were saved'
    )
    arguments: dict[str, JsonValue] = Field(
        {},
        max_length=20,
        description='of the task, such as {"max_new_tokens": 50} or {"top_k": 3}',
    )

    @model_validator(mode="after")
    def _known_arguments(self) -> Self:
        task = TASKS[self.task]
        unknown = sorted(self.arguments.keys() - task.arguments)
        missing = sorted(task.needs - self.arguments.keys())
        if unknown or missing:
            what = f"has no {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
            known = ", ".join(sorted(task.arguments)) or "none"
            raise ValueError(f"arguments: the task {self.task} {what}; its arguments: {known}")
        faults = [argument_fault(name, value) for name, value in self.arguments.items()]
        if any(faults):
            raise ValueError("; ".join(filter(None, faults)))
        return self


class HFPipelineNode(Actor[HFPipelineParams]):
    """Run a Hugging Face pipeline (transformers).

    The task decides the kinds of input and output:

        text-classification, token-classification, fill-mask,
        zero-shot-classification (arguments: candidate_labels)   text -> JSON
        text-generation                text, or JSON chat messages -> text, the new part of it
        feature-extraction             text -> tensor (tokens, dimensions), float32
        text-to-audio                  text -> audio
        automatic-speech-recognition   audio -> text
        audio-classification           audio -> JSON
        image-classification,
        object-detection               video in RGB24, RGBA32 or GRAY8 -> JSON

    JSON is what the pipeline returns. Several channels of audio are mixed; it must have the sample
    rate that the model needs. Metadata is that of the input.

    The weights come from a local folder; nothing is downloaded, and no code in a model's folder is
    run. A client names a folder in the operator's MILLRACE_MODELS; other manifests may give a path
    that begins with / or ./.
    """

    accepts = frozenset({Kind.TEXT, Kind.JSON, Kind.AUDIO, Kind.VIDEO})
    produces = frozenset({Kind.TEXT, Kind.JSON, Kind.AUDIO, Kind.TENSOR})
    runs_in_thread = True

    @classmethod
    def preload(cls, params: HFPipelineParams) -> None:
        """Import the libraries: a model may have threads, or be on a GPU."""
        stay_offline()
        names = {"extra": "transformers", "node_type": "HFPipelineNode"}
        import_library("torch", **names)
        import_library("transformers", **names)

    def initialize(self) -> None:
        """Load the model.

        Raises:
            ImportError: transformers or torch is not installed.
            FileNotFoundError: there is no such model, or its configuration is missing.
            ModelError: the model cannot be loaded.
        """
        stay_offline()
        names = {"extra": "transformers", "node_type": "HFPipelineNode"}
        find_package("transformers", **names)
        find_package("torch", **names)
        folder = find_model_folder(self.params.model, node_type="HFPipelineNode", holds=_HOLDS)
        check_files(folder, ("config.json",), node_type="HFPipelineNode", holds=_HOLDS)
        self.context.progress(0.1, "loading torch")
        import_library("torch", **names)
        self.context.progress(0.3, "loading transformers")
        transformers = import_library("transformers", **names)
        keep_progress_bars_from_threads(**names)
        transformers.utils.logging.disable_progress_bar()  # it would fill the server's log
        self.context.progress(0.5, f"loading the model {folder.name}")
        device = self.params.device
        task = self.params.task
        with library_errors("transformers", f"{folder.name} cannot be loaded for {task}"):
            self._pipeline: Callable[..., Any] | None = transformers.pipeline(
                task,
                model=str(folder),
                device=None if device == "auto" else device,
                dtype=self.params.dtype,
                trust_remote_code=False,
            )
        self._task = TASKS[task]
        self._rate = _sample_rate(self._pipeline)

    def process(self, item: Text | Json | Audio | Video) -> Data:
        """Return the pipeline's result for one item.

        Raises:
            DataError: the task does not take this kind, or audio at this sample rate, or the model
                cannot process it, for example because it is too long.
        """
        if item.kind not in self._task.accepts:
            kinds = " or ".join(sorted(kind.value for kind in self._task.accepts))
            raise DataError(f"the task {self.params.task} takes {kinds}, and got {item.kind.value}")
        assert self._pipeline is not None
        arguments = {**dict(self._task.fixed), **self.params.arguments}
        given = self._task.as_input(item, self._rate)
        what = (
            f"the model cannot process this {item.kind.value}: it may be too long for the model, "
            "then send it in parts"
        )
        with library_errors("transformers", what, of_item=True):
            result = self._pipeline(given, **arguments)
        return self._task.as_output(result).with_metadata(**item.metadata)

    def cleanup(self) -> None:
        """Release the model."""
        self._pipeline = None


def _sample_rate(pipeline: object) -> int | None:
    """Return the sample rate in Hz that the model needs, if it is one for audio."""
    extractor = getattr(pipeline, "feature_extractor", None)
    rate = getattr(extractor, "sampling_rate", None)
    return None if rate is None else int(rate)
