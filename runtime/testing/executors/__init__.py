"""The checks of an executor: what the built-in ones fulfil, and any other must."""

from .check import check_executor

__all__ = [
    "check_executor",
]
