"""The checks of an actor against the contract."""

from .check_run import find_violations

__all__ = [
    "find_violations",
]
