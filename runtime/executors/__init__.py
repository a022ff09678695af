"""Executors: each runs nodes in its own way. Applications and distributions may add their own."""

from .contract import Executor, ExecutorFactory, Executors, NodeTask, OpenExecutor
from .multiprocess import MultiprocessExecutor, open_multiprocess_executor
from .native import NativeExecutor, open_native_executor
from .registry import BUILT_IN, factory_of
from .shared import SharedExecutor, open_hosts, open_shared_executor

__all__ = [
    "BUILT_IN",
    "Executor",
    "ExecutorFactory",
    "Executors",
    "MultiprocessExecutor",
    "NativeExecutor",
    "NodeTask",
    "OpenExecutor",
    "SharedExecutor",
    "factory_of",
    "open_hosts",
    "open_multiprocess_executor",
    "open_native_executor",
    "open_shared_executor",
]
