"""Executors: where and how nodes run. A third one is one more module and one more registration."""

from .contract import Executor, ExecutorFactory, Executors, NodeTask
from .installed import installed_executors
from .multiprocess import MultiprocessExecutor
from .registry import BUILT_IN

__all__ = [
    "BUILT_IN",
    "Executor",
    "ExecutorFactory",
    "Executors",
    "MultiprocessExecutor",
    "NodeTask",
    "installed_executors",
]
