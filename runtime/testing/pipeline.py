"""A pipeline under test, before it runs: its manifest, and the settings of its runtime."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Self

from actors import Actor
from actors.testing import ExecutorName

from ..catalogue import Catalogue
from ..config import ExecutorSettings, Multiprocess, RuntimeConfig
from ..execution.process import Forkserver
from ..executors import ExecutorFactory, Executors, MultiprocessExecutor
from ..manifest import Manifest, manifest_from
from ..plan import Place, plan_manifest
from ..session import Session, open_runtime

Setups = Mapping[str, tuple[type[Actor[Any]], Mapping[str, Any]]]
"""The nodes under test: id -> class and params."""

# A test waits this long for a node that ignores its end, as some nodes under test do.
_GRACE_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The pipeline that a harness runs.

    Attributes:
        paths: for each sink, the number of paths to it from each node.
        entries: the sources that do not generate items.
    """

    manifest: Manifest
    config: RuntimeConfig
    types: Mapping[str, type[Actor[Any]]]
    executors: Executors
    paths: Mapping[str, Mapping[str, int]]
    entries: tuple[str, ...]

    @classmethod
    def of(
        cls,
        actors: Setups,
        connections: Sequence[tuple[str, str]],
        executor: ExecutorName,
        forkserver: Forkserver | None,
    ) -> Self:
        """Check a pipeline.

        Raises:
            ManifestError: the pipeline is not valid, or a node process can have no copy of a class.
        """
        manifest = manifest_from(_document(actors, connections, executor))
        types = {_type_name(node): kind for node, (kind, _) in actors.items()}
        config = RuntimeConfig(multiprocess=Multiprocess(cleanup_grace_period_secs=_GRACE_SECONDS))
        plan = plan_manifest(manifest, config=config, catalogue=Catalogue().with_types(types))
        successors = {str(node): list(map(str, plan.successors[node])) for node in plan.successors}
        return cls(
            manifest,
            config,
            types,
            {} if forkserver is None else {"multiprocess": _warm(forkserver)},
            {str(sink): _paths_to(str(sink), successors) for sink in plan.sinks},
            tuple(map(str, plan.entries)),
        )

    def marks(self, entries: Sequence[str]) -> int:
        """Return how many marks arrive at the sinks when each of `entries` gets one."""
        return sum(paths[entry] for paths in self.paths.values() for entry in entries)

    @asynccontextmanager
    async def open_session(self) -> AsyncIterator[Session]:
        """Run the pipeline for the duration of the block."""
        async with (
            open_runtime(self.config, node_types=self.types, executors=self.executors) as runtime,
            runtime.open_session(self.manifest) as session,
        ):
            yield session


def _document(
    actors: Setups,
    connections: Sequence[tuple[str, str]],
    executor: ExecutorName,
) -> dict[str, Any]:
    overrides = dict.fromkeys(actors, executor)
    return {
        "version": "v1",
        "metadata": {"name": "test", "multiprocess": {"executor_overrides": overrides}},
        "nodes": [
            {"id": node, "node_type": _type_name(node), "params": dict(params)}
            for node, (_, params) in actors.items()
        ],
        "connections": [{"from": source, "to": target} for source, target in connections],
    }


def _type_name(node: str) -> str:
    # One for each node, different from every name in the catalogue.
    return f"test.{node}"


def _paths_to(sink: str, successors: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Return how many paths lead from each node to a sink."""
    paths: dict[str, int] = {}

    def count(node: str) -> int:
        if node not in paths:
            paths[node] = 1 if node == sink else sum(count(reader) for reader in successors[node])
        return paths[node]

    for node in successors:
        count(node)
    return paths


def _warm(forkserver: Forkserver) -> ExecutorFactory:
    @asynccontextmanager
    async def open_executor(
        _config: RuntimeConfig, _settings: ExecutorSettings
    ) -> AsyncIterator[MultiprocessExecutor]:
        yield MultiprocessExecutor(forkserver)

    return ExecutorFactory(uses_processes=True, place=Place.MACHINE, open=open_executor)
