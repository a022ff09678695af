"""The calls of iceoryx2 that a script needs."""

import ctypes
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import iceoryx2 as iox2
import numpy as np

ServiceName = str


@contextmanager
def private_prefix() -> Iterator[str]:
    """Name segments and files of one run, and remove them at the end."""
    root = tempfile.mkdtemp(prefix="floor-")
    prefix = Path(root).name
    try:
        yield prefix
    finally:
        shutil.rmtree(root, ignore_errors=True)
        for path in Path("/dev/shm").glob(f"{prefix}*"):
            path.unlink(missing_ok=True)


class Ends:
    """A publisher of one service and a subscriber of another, or one of them."""

    def __init__(self, prefix: str, publish: ServiceName = "", subscribe: ServiceName = "") -> None:
        iox2.set_log_level(iox2.LogLevel.Fatal)
        config = iox2.config.default()
        config.global_cfg.prefix = iox2.FileName.new(prefix)
        config.global_cfg.root_path = iox2.Path.new(str(Path(tempfile.gettempdir(), prefix)))
        self._node = (
            iox2.NodeBuilder.new()
            .config(config)
            .signal_handling_mode(iox2.SignalHandlingMode.Disabled)
            .create(iox2.ServiceType.Ipc)
        )
        self._publisher: Any = (
            publish
            and self._service(publish)
            .publisher_builder()
            .initial_max_slice_len(64)
            .allocation_strategy(iox2.AllocationStrategy.PowerOfTwo)
            .create()
        )
        self._subscriber: Any = subscribe and self._service(subscribe).subscriber_builder().create()

    def _service(self, name: ServiceName) -> Any:
        return (
            self._node.service_builder(iox2.ServiceName.new(name))
            .publish_subscribe(iox2.Slice[ctypes.c_uint8])
            .open_or_create()
        )

    def send(self, array: Any) -> None:
        """Publish a copy of an array of bytes."""
        sample = self._publisher.loan_slice_uninit(array.size)
        ctypes.memmove(sample.payload_ptr, array.ctypes.data, array.size)
        sample.assume_init().send()

    def receive(self) -> Any:
        """Return a private copy of the next sample, or None."""
        sample = self._subscriber.receive()
        if sample is None:
            return None
        array = np.empty(sample.header.number_of_elements, np.uint8)
        ctypes.memmove(array.ctypes.data, sample.payload_ptr, array.size)
        return array

    def peek(self) -> int | None:
        """Return the number in the first eight bytes of the next sample, or None; no copy."""
        sample = self._subscriber.receive()
        if sample is None:
            return None
        return ctypes.c_uint64.from_address(sample.payload_ptr).value
