"""Actors for the tests on a cluster."""

import ctypes
import os
import platform
from collections.abc import Iterator

from actors import Actor, Data, Params, Text


class WhereOnCluster(Actor[Params]):
    """Emits its process id, the address of its Ray node, and its GPUs."""

    def process(self, data: Data) -> Iterator[Data]:
        import ray

        address = ray.util.get_node_ip_address()
        gpus = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        yield Text(f"{os.getpid()} {address} {len(gpus.split(',')) if gpus else 0}")


class HoldingParams(Params):
    """How long."""

    seconds: float = 2.0


class HoldingTheLock(Actor[HoldingParams]):
    """Holds Python's global lock in C code, as a library that is being loaded."""

    def process(self, data: Data) -> Iterator[Data]:
        ctypes.PyDLL(None).usleep(int(self.params.seconds * 1_000_000))
        yield data


class Machine(Actor[Params]):
    """Emits the name of its machine."""

    def process(self, data: Data) -> Iterator[Data]:
        yield Text(platform.node())


ACTORS = (WhereOnCluster, HoldingTheLock, Machine)
