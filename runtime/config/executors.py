"""Settings of single executors, [executors.NAME], and whether sessions may use them."""

from collections.abc import Mapping

from pydantic import ConfigDict, Field

from .remote_hosts import RemoteHost
from .section import Name, Section
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
    """Nodes of many sessions in one process."""


class RaySettings(ExecutorSettings):
    """Nodes on a Ray cluster (extra `ray`)."""


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
