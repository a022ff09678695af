"""Settings of single executors, [executors.NAME], and whether sessions may use them."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from ..documents import ACCEPTED
from .remote_hosts import RemoteHost
from .section import Name, Section, Text
from .setting import named_tables, setting


class ExecutorSettings(Section):
    """Settings of an executor, which is used only if they enable it.

    An executor from outside declares its own in a class derived from this one:

        class AcceleratorSettings(ExecutorSettings):
            slots: int = setting(1, "nodes at once", ge=1, le=64)
    """

    enabled: bool = setting(False, "let sessions use this executor")


class RemoteSettings(ExecutorSettings):
    """Nodes on another Millrace server, which a manifest names as `host`."""

    hosts: Mapping[Name, RemoteHost] = named_tables(
        "the servers that manifests may name, each in a table of its own",
    )
    max_parts: int = setting(8, "sessions on other hosts that one session may have", ge=1, le=1000)
    connect_timeout_secs: float = setting(10, "seconds for a connection to one", gt=0, le=3600)
    host_timeout_secs: float = setting(
        3, "seconds after which a server that does not answer counts as lost", ge=1, le=3600
    )


class SharedSettings(ExecutorSettings):
    """Nodes of many sessions in one process, which computes them a batch at a time."""

    types: tuple[Text, ...] = setting(
        (),
        "node types that share hosts, where they have process_batch()",
        detail="All sessions with equal params of the type then depend on one process.",
    )
    sessions_per_host: int = setting(64, "nodes in one host", ge=1, le=1024)
    batch_wait_ms: float = setting(
        0,
        "ms that the first item of a batch waits for those of other sessions; 0: for none",
        ge=0,
        le=1000,
    )
    max_hosts: int = setting(16, "hosts at once", ge=1, le=10_000)
    idle_secs: float = setting(
        60, "seconds after which a host without sessions ends", gt=0, le=10**7
    )


_MOST_GIGABYTES: Final = 4096
_ADDRESS_FORM: Final = 'an address such as "ray-head.local:6379"'
ClusterAddress = Annotated[
    str,
    Field(
        pattern=r"^([A-Za-z0-9.-]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$",
        json_schema_extra={ACCEPTED: _ADDRESS_FORM},
    ),
]


class RaySettings(ExecutorSettings):
    """Nodes on a Ray cluster (extra `ray`), which this machine is part of."""

    address: ClusterAddress | None = setting(
        None,
        "address of the cluster's GCS; not set: the cluster that runs on this machine",
        detail="The machine of the server is a node of the cluster, also if it runs no actors: "
        "`ray start --address ADDRESS --num-cpus 0`.",
        example="ray-head.local:6379",
    )
    warm: int = setting(
        0,
        "workers kept ready for nodes without `capabilities`",
        ge=0,
        le=1000,
        detail="Each has about 100 MB, and is used once. With one, a node starts in 30 ms instead "
        "of a second.",
    )
    max_workers: int = setting(
        100, "nodes on the cluster at once, of all sessions", ge=1, le=100_000
    )
    partition_timeout_secs: float = setting(
        3,
        "seconds without a sign of life of a worker after which it is lost",
        ge=1,
        le=300,
        detail="The worker ends itself after the same time without the server.",
    )
    tls: bool = setting(
        False,
        "encrypt the links to and between workers",
        detail="The server makes a certificate for each session and passes it to the workers as it "
        "passes the session's secret; no machine needs files for it.",
    )
    gpu_memory_gb: float = setting(
        0,
        "memory in GiB of each GPU of the cluster; 0: not known",
        ge=0,
        le=_MOST_GIGABYTES,
        detail="With it, nodes whose `min_memory_gb` is less share a GPU. Without it, each has a "
        "whole one.",
    )


class OutsideSettings(ExecutorSettings):
    """Another executor, of a distribution or of the application, which declares more keys."""

    # They are checked when the executor is loaded, since it declares them.

    model_config = ConfigDict(extra="allow")


class Executors(Section):
    """Executors beside native and multiprocess, one table each. Sessions use only enabled ones."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, OutsideSettings] = Field(init=False)

    remote: RemoteSettings = RemoteSettings()
    shared: SharedSettings = SharedSettings()
    ray: RaySettings = RaySettings()

    @property
    def outside(self) -> dict[str, OutsideSettings]:
        """The tables of executors from outside."""
        return dict(self.__pydantic_extra__ or {})

    def of(self, name: str) -> ExecutorSettings | None:
        """Return the settings of an executor; None if there is no table for it."""
        if name in type(self).model_fields:
            built_in: ExecutorSettings = getattr(self, name)
            return built_in
        return self.outside.get(name)
