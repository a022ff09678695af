"""The kit itself: what `actors.testing` asks for."""

from collections.abc import Mapping, Sequence
from typing import Any

from actors import Actor, Data
from actors.testing import Finding, Harness, Placement

from ..execution.process import Forkserver
from .harness import RuntimeHarness
from .pipeline import Pipeline

Setups = Mapping[str, tuple[type[Actor[Any]], Mapping[str, Any]]]


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
        placement: Placement,
        virtual_time: bool,
    ) -> Harness:
        """Return a harness of these nodes: id -> class and params."""
        return RuntimeHarness(
            self.pipeline(actors, connections, placement),
            virtual_time=virtual_time and placement == "native",
        )

    def pipeline(
        self, actors: Setups, connections: Sequence[tuple[str, str]], placement: Placement
    ) -> Pipeline:
        """Return a checked pipeline of these nodes."""
        return Pipeline.of(actors, connections, placement, self._forkserver)

    def find_faults(
        self,
        actor: type[Actor[Any]],
        params: Mapping[str, Any],
        samples: Sequence[Data],
        *,
        placement: Placement,
        skip: frozenset[str],
        seconds: float,
    ) -> tuple[Finding, ...]:
        """Try the contract on an actor, and return what it does not keep."""
        from .conformance import find_faults

        return find_faults(
            self, actor, params, samples, placement=placement, skip=skip, seconds=seconds
        )
