"""Small pipelines for tests."""

import copy
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import trio

from actors import Data
from runtime import Manifest, Result, Runtime, RuntimeConfig, Session, manifest_from
from runtime.config import Multiprocess

SPECIMENS = "tests.session.specimens"


def manifest(
    nodes: Mapping[str, Any],
    connections: Iterable[str] = (),
    *,
    places: Mapping[str, str] | None = None,
    **multiprocess: Any,
) -> Manifest:
    """Make a manifest.

    Args:
        nodes: node id -> type, or (type, params).
        connections: "a > b" each.
        places: node id -> executor.
        multiprocess: more of metadata.multiprocess.
    """
    return manifest_from(
        {
            "version": "v1",
            "metadata": {
                "name": "test",
                "multiprocess": {"executor_overrides": dict(places or {}), **multiprocess},
            },
            "nodes": [
                {"id": node_id, "node_type": kind}
                if isinstance(kind, str)
                else {"id": node_id, "node_type": kind[0], "params": kind[1]}
                for node_id, kind in nodes.items()
            ],
            "connections": [
                dict(zip(("from", "to"), connection.split(" > "), strict=True))
                for connection in connections
            ],
        }
    )


def chain(kind: Any, places: Sequence[str], **multiprocess: Any) -> Manifest:
    """Make a chain n0 > n1 > ... of nodes of one type."""
    ids = [f"n{index}" for index in range(len(places))]
    return manifest(
        dict.fromkeys(ids, kind),
        [f"{a} > {b}" for a, b in itertools.pairwise(ids)],
        places=dict(zip(ids, places, strict=True)),
        **multiprocess,
    )


def with_config(runtime: Runtime, **settings: Any) -> Runtime:
    """Return the same runtime with other settings."""
    other = copy.copy(runtime)
    other.config = RuntimeConfig(multiprocess=Multiprocess(**settings))
    return other


async def run_through(
    runtime: Runtime, pipeline: Manifest, items: Iterable[Data], node: str | None = None
) -> list[Result]:
    """Send everything, close the input, and return all results."""
    results: list[Result] = []
    with trio.fail_after(60):
        async with runtime.open_session(pipeline) as session, trio.open_nursery() as nursery:
            nursery.start_soon(send_all, session, items, node)
            results += [result async for result in session]
    return results


async def send_all(session: Session, items: Iterable[Data], node: str | None = None) -> None:
    """Send everything and close the input."""
    for item in items:
        await session.send(item, node=node)
    await session.close_input()
