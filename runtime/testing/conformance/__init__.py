"""The contract of actors, tried on one of them."""

from .inquiry import find_faults

__all__ = [
    "find_faults",
]
