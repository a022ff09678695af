"""Messages between the server and the process of the Ray driver: one line of JSON each."""

from typing import Final

import msgspec

from ...socket_process.ray import OpenedWorker


class Connect(msgspec.Struct, tag=True, frozen=True):
    """Connect to a cluster. It is the first message.

    Attributes:
        address: "HOST:PORT" of the GCS; empty for the cluster that runs on this machine.
    """

    address: str


class Place(msgspec.Struct, tag=True, frozen=True):
    """Start a worker where there is room.

    Attributes:
        worker: a number that was never used before.
        cpus: that Ray reserves, as `memory_bytes` and `gpus`.
        labels: that the Ray node must have.
    """

    worker: int
    cpus: float
    memory_bytes: int
    gpus: float
    labels: dict[str, str]


class RunNode(msgspec.Struct, tag=True, frozen=True):
    """Let a worker wait for its node.

    Attributes:
        key, sys_path, silence_seconds, certificate: as in `RayWorker.run`.
    """

    worker: int
    key: bytes
    sys_path: list[str]
    silence_seconds: float
    certificate: bytes


class EndWorker(msgspec.Struct, tag=True, frozen=True):
    """Kill a worker, or do not start it any more."""

    worker: int


class Survey(msgspec.Struct, tag=True, frozen=True):
    """Send a `Surveyed`."""

    number: int


ToDriver = Connect | Place | RunNode | EndWorker | Survey


class Connected(msgspec.Struct, tag=True, frozen=True):
    """The driver is part of the cluster.

    Attributes:
        node_ip: of the Ray node on this machine, as the cluster knows it.
        gcs_address: "HOST:PORT" of the cluster.
    """

    ray_version: str
    node_ip: str
    gcs_address: str


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The driver cannot connect, and ends."""

    reason: str


class WorkerOpened(msgspec.Struct, tag=True, frozen=True):
    """A worker listens, and waits for its node.

    Attributes:
        opened: where, and with what; see `OpenedWorker`.
    """

    worker: int
    opened: OpenedWorker


class WorkerEnded(msgspec.Struct, tag=True, frozen=True):
    """A worker has ended, or cannot be started.

    Attributes:
        reason: what Ray says of it; empty if it has ended by itself.
    """

    worker: int
    reason: str


class ClusterNode(msgspec.Struct, tag=True, frozen=True):
    """A node of the cluster that is alive.

    Attributes:
        total: the amounts of its resources, by the names that Ray gives them.
        free: what is not reserved of them.
    """

    node_id: str
    address: str
    host_name: str
    total: dict[str, float]
    free: dict[str, float]
    labels: dict[str, str]


class Surveyed(msgspec.Struct, tag=True, frozen=True):
    """What the cluster has.

    Attributes:
        number: of the request.
    """

    number: int
    nodes: list[ClusterNode]


FromDriver = Connected | Refused | WorkerOpened | WorkerEnded | Surveyed

MAX_LINE_BYTES: Final = 64 * 1024 * 1024


def line_of(message: msgspec.Struct) -> bytes:
    """Return a message as a line."""
    return msgspec.json.encode(message) + b"\n"
