"""The test kit that `actors.testing` finds by its entry point."""

from collections.abc import Sequence

from actors.testing import ActorCheck, ExecutorName, Harness, Violation

from ..execution.process import Forkserver
from .conformance import find_violations
from .harness import RuntimeHarness
from .pipeline import Pipeline, Setups


class TestKit:
    """Runs and checks actors in tests: `actors.testing.Kit`.

    Args:
        forkserver: a warm one for node processes; None starts one for each harness.
    """

    __test__ = False  # not a class of tests, although pytest would take it for one

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
        """Return a harness of these nodes, by id: class and params."""
        return RuntimeHarness(
            self.pipeline(actors, connections, executor),
            virtual_time=virtual_time and executor == "native",
        )

    def pipeline(
        self, actors: Setups, connections: Sequence[tuple[str, str]], executor: ExecutorName
    ) -> Pipeline:
        """Return a checked pipeline of these nodes."""
        return Pipeline.of(actors, connections, executor, self._forkserver)

    def find_violations(self, check: ActorCheck) -> tuple[Violation, ...]:
        """Check an actor, and return the rules that it breaks."""
        return find_violations(self.pipeline, check)
