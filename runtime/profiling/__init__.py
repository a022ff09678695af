"""Where the time of a pipeline's nodes goes."""

from .sampler import StackSampler, sampled_if_asked, sampling
from .speedscope import NodeProfile, speedscope_document

__all__ = [
    "NodeProfile",
    "StackSampler",
    "sampled_if_asked",
    "sampling",
    "speedscope_document",
]
