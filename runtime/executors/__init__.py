"""Executors: where and how nodes run. A third one is one more module and one more registration."""

from typing import Final

from .contract import Executor, ExecutorFactory, Executors, NodeTask
from .installed import installed_executors
from .multiprocess import open_multiprocess_executor
from .native import open_native_executor

BUILT_IN: Final[Executors] = {
    "native": open_native_executor,
    "multiprocess": open_multiprocess_executor,
}

__all__ = [
    "BUILT_IN",
    "Executor",
    "ExecutorFactory",
    "Executors",
    "NodeTask",
    "installed_executors",
]
