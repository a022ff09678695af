"""The built-in executors, by name."""

from typing import Final

from .contract import Executors
from .multiprocess import open_multiprocess_executor
from .native import open_native_executor

BUILT_IN: Final[Executors] = {
    "native": open_native_executor,
    "multiprocess": open_multiprocess_executor,
}
