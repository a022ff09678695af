"""Where the time of a pipeline's nodes goes."""

from .sampler import FRAME_SEPARATOR, StackSampler, sampled_if_asked, sampling
from .speedscope import NodeProfile, speedscope_document

__all__ = [
    "FRAME_SEPARATOR",
    "NodeProfile",
    "StackSampler",
    "sampled_if_asked",
    "sampling",
    "speedscope_document",
]
