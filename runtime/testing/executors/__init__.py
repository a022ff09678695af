"""The checks of an executor: what the built-in ones fulfil, and any other must."""

from .check import check_executor
from .subject import node_types

__all__ = [
    "check_executor",
    "node_types",
]
