"""Where the time of a pipeline's nodes goes."""

from .sampler import FRAME_SEPARATOR, StackSampler, sampling, sampling_if_requested
from .speedscope import NodeProfile, speedscope_document

__all__ = [
    "FRAME_SEPARATOR",
    "NodeProfile",
    "StackSampler",
    "sampling_if_requested",
    "sampling",
    "speedscope_document",
]
