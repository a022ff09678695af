"""The kit itself: what `actors.testing` asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors import Actor, Data
from actors.testing import ExecutorName, Harness, Violation

from ..execution.process import Forkserver
from .conformance import find_violations
from .harness import RuntimeHarness
from .pipeline import Pipeline, Setups


class TestKit:
    """Runs actors in tests.

    Args:
        forkserver: a warm one for nodes with a process of their own; None starts one per harness.
    """

    __test__ = False  # pytest takes it for a class of tests otherwise

    def __init__(self, forkserver: Forkserver | None = None) -> None:
        self._forkserver = forkserver

    def harness(
        self,
        actors: Setups,
        connections: Sequence[tuple[str, str]],
        *,
        executor: ExecutorName,
        virtual_time: bool,
    ) -> Harness:
        """Return a harness of these nodes: id -> class and params."""
        return RuntimeHarness(
            self.pipeline(actors, connections, executor),
            virtual_time=virtual_time and executor == "native",
        )

    def pipeline(
        self, actors: Setups, connections: Sequence[tuple[str, str]], executor: ExecutorName
    ) -> Pipeline:
        """Return a checked pipeline of these nodes."""
        return Pipeline.of(actors, connections, executor, self._forkserver)

    def find_violations(
        self,
        actor: type[Actor[Any]],
        params: Mapping[str, Any],
        samples: Sequence[Data],
        *,
        executor: ExecutorName,
        skip: frozenset[str],
        seconds: float,
    ) -> tuple[Violation, ...]:
        """Try the contract on an actor, and return what it does not keep."""
        return find_violations(
            self.pipeline, actor, params, samples, executor=executor, skip=skip, seconds=seconds
        )
