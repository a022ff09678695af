"""Executors: each runs nodes in its own way. Applications and distributions may add their own."""

from ..plan import Place
from .contract import Executor, ExecutorFactory, Executors, NodeTask, OpenExecutor
from .multiprocess import MultiprocessExecutor, open_multiprocess_executor
from .native import NativeExecutor, open_native_executor
from .registry import BUILT_IN, factory_of
from .socket_node import run_socket_node

__all__ = [
    "BUILT_IN",
    "Executor",
    "ExecutorFactory",
    "Executors",
    "MultiprocessExecutor",
    "NativeExecutor",
    "NodeTask",
    "OpenExecutor",
    "Place",
    "factory_of",
    "open_multiprocess_executor",
    "open_native_executor",
    "run_socket_node",
]
