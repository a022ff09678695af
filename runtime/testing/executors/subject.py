"""The executor that is checked, and pipelines with its nodes."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

import trio

from actors import Data

from ...events import Result
from ...session import Runtime, Session

_ACTORS: Final = "runtime.testing.executor_actors"
_SECONDS: Final = 60.0
"""How long one step of a check may take, also on a machine that is busy: a bound, not a measure."""


class Broken(AssertionError):  # noqa: N818 (it is no error of a program)
    """A rule that the executor breaks."""


def require(holds: bool, what: str) -> None:
    """Raise if something does not hold that the executor must fulfil."""
    if not holds:
        raise Broken(what)


@dataclass(frozen=True, slots=True)
class Subject:
    """The executor that is checked, in an open runtime.

    Attributes:
        runtime: has the executor.
        name: of the executor in it.
        types: the node types that it runs in place of others.
        host: that its nodes name; "" if they name none.
    """

    runtime: Runtime
    name: str
    types: Mapping[str, str]
    host: str = ""

    def open(
        self,
        nodes: Mapping[str, tuple[str, Mapping[str, object]]],
        connections: Iterable[str] = (),
        places: Mapping[str, str] | None = None,
        **settings: Any,
    ) -> AbstractAsyncContextManager[Session]:
        """Open a session of these nodes, by id: type and params.

        Args:
            nodes: of the pipeline.
            connections: "a > b" each.
            places: the executors of nodes; of all others, it is the one that is checked.
            settings: of metadata.multiprocess.
        """
        chosen = dict.fromkeys(nodes, self.name) | dict(places or {})
        # A node with a host needs no choice of an executor: that would be one of the host.
        overrides = {
            node: place for node, place in chosen.items() if not self.host or place != self.name
        }
        manifest = {
            "version": "v1",
            "metadata": {
                "name": "check",
                "multiprocess": {"executor_overrides": overrides, **settings},
            },
            "nodes": [
                {
                    "id": node,
                    "node_type": self._type(kind, chosen[node]),
                    "params": dict(params),
                    **({} if node in overrides else {"host": self.host}),
                }
                for node, (kind, params) in nodes.items()
            ],
            "connections": [
                dict(zip(("from", "to"), each.split(" > "), strict=True)) for each in connections
            ],
        }
        return self.runtime.open_session(manifest)

    def _type(self, kind: str, place: str) -> str:
        return self.types.get(kind, kind) if place == self.name else kind

    def probe(self, **params: object) -> AbstractAsyncContextManager[Session]:
        """Open a session of one probe, "n0"."""
        return self.open({"n0": ("Probe", params)})

    def chain(self, places: Sequence[str], **settings: Any) -> AbstractAsyncContextManager[Session]:
        """Open a session of a chain n0 > n1 > ... that passes items on."""
        ids = [f"n{index}" for index in range(len(places))]
        return self.open(
            dict.fromkeys(ids, ("PassThrough", {})),
            [f"{a} > {b}" for a, b in itertools.pairwise(ids)],
            dict(zip(ids, places, strict=True)),
            **settings,
        )


async def run_through(session: Session, items: Iterable[Data]) -> list[Result]:
    """Send everything, close the input, and return all results."""
    results: list[Result] = []

    async def send() -> None:
        for item in items:
            await session.send(item)
        await session.close_input()

    with trio.fail_after(_SECONDS):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            results += [result async for result in session]
    return results


def node_types() -> dict[str, str]:
    """Return the actors of the checks, as node types: for another server that runs them."""
    names = (
        *("Probe", "Counter", "ControlWatcher"),
        *("BatchedProbe", "BatchedPass", "BatchedWatcher"),
    )
    return {name: f"{_ACTORS}:{name}" for name in names}
