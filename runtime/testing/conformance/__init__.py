"""The contract of actors, tried on one of them."""

from .inquiry import find_violations

__all__ = [
    "find_violations",
]
