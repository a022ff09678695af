"""A Ray instance of its own, with actors that return their payload."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Ray reads this when it is imported.
os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import psutil
import ray

ACTORS = 3
SHARED_MEMORY = Path("/dev/shm")


@ray.remote
class HandOn:
    """One actor."""

    def call(self, array: Any) -> Any:
        """Return the payload."""
        return array


@contextmanager
def actors(count: int = ACTORS) -> Iterator[list[Any]]:
    """Start Ray and so many actors; yield these, and leave nothing behind."""
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder:
        ray.init(
            num_cpus=count,
            include_dashboard=False,
            logging_level="ERROR",
            log_to_driver=False,
            _temp_dir=folder,
        )
        store = next(each.pid for each in psutil.Process().children() if each.name() == "raylet")
        try:
            remote_class: Any = HandOn  # the decorator has added `remote`
            yield [remote_class.remote() for _ in range(count)]
        finally:
            ray.shutdown()
            remove_semaphores(store)


def remove_semaphores(store: int) -> None:
    """Remove what Ray 2.60 leaves of a compiled graph's channels.

    Args:
        store: the process that held Ray's objects, and is gone.
    """
    for file in SHARED_MEMORY.glob(f"sem.???{store}-*"):
        file.unlink(missing_ok=True)
