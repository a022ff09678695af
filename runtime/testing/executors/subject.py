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
    """

    runtime: Runtime
    name: str

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
        overrides = dict.fromkeys(nodes, self.name) | dict(places or {})
        manifest = {
            "version": "v1",
            "metadata": {
                "name": "check",
                "multiprocess": {"executor_overrides": overrides, **settings},
            },
            "nodes": [
                {"id": node, "node_type": kind, "params": dict(params)}
                for node, (kind, params) in nodes.items()
            ],
            "connections": [
                dict(zip(("from", "to"), each.split(" > "), strict=True)) for each in connections
            ],
        }
        return self.runtime.open_session(manifest)

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
    names = ("Probe", "Counter", "ControlWatcher")
    return {name: f"{_ACTORS}:{name}" for name in names}
