"""Data items: one immutable type per member of the contract's DataBuffer, and Bundle."""

from ._base import NO_METADATA, Array, Data, restorer
from .arrays import TENSOR_DTYPES, Binary, NumpyArray, Tensor
from .audio import AUDIO_DTYPES, Audio
from .bundle import Bundle
from .control import BatchHint, CancelSpeculation, Control, ControlMessage, DeadlineWarning
from .file import File
from .text import DEFAULT_CHANNEL, Json, Text
from .video import PixelFormat, Video, VideoCodec
from .weight import weight_bytes

__all__ = [
    "AUDIO_DTYPES",
    "Array",
    "Audio",
    "BatchHint",
    "Binary",
    "Bundle",
    "CancelSpeculation",
    "Control",
    "ControlMessage",
    "DEFAULT_CHANNEL",
    "Data",
    "DeadlineWarning",
    "File",
    "Json",
    "NO_METADATA",
    "NumpyArray",
    "PixelFormat",
    "TENSOR_DTYPES",
    "Tensor",
    "Text",
    "Video",
    "VideoCodec",
    "restorer",
    "weight_bytes",
]
