"""The API for authors of nodes: the actor contract, params, and data items."""

from .actor import Actor, Outputs, State
from .batch import Batch
from .context import Context, Output, Progress
from .data import (
    Array,
    Audio,
    BatchHint,
    Binary,
    Bundle,
    CancelSpeculation,
    Control,
    ControlMessage,
    Data,
    DeadlineWarning,
    File,
    Json,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
    VideoCodec,
)
from .endpoint import ModelEndpoint
from .errors import DataError, DefinitionError
from .intervals import on_interval
from .kinds import ANY_KIND, Kind
from .params import Field, NoParams, Params
from .routed import Routed
from .timestamped import Timestamped

__all__ = [
    "ANY_KIND",
    "Actor",
    "Array",
    "Audio",
    "Batch",
    "BatchHint",
    "Binary",
    "Bundle",
    "CancelSpeculation",
    "Context",
    "Control",
    "ControlMessage",
    "Data",
    "DataError",
    "DeadlineWarning",
    "DefinitionError",
    "Field",
    "File",
    "Json",
    "Kind",
    "ModelEndpoint",
    "NoParams",
    "NumpyArray",
    "Output",
    "Outputs",
    "Params",
    "PixelFormat",
    "Progress",
    "Routed",
    "State",
    "Tensor",
    "Text",
    "Timestamped",
    "Video",
    "VideoCodec",
    "on_interval",
]
