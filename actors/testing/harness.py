"""Harnesses that run an actor, or a small pipeline of actors, in a test."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..actor import Actor
from ..params import Params
from ._kit import installed_kit
from .contract import ExecutorName, Harness, Kit

NodeSetup = type[Actor[Any]] | tuple[type[Actor[Any]], Mapping[str, Any] | Params]
"""A node of a pipeline under test: its class, or its class and params."""


def harness(
    actor: type[Actor[Any]],
    *,
    params: Mapping[str, Any] | Params | None = None,
    executor: ExecutorName = "native",
    virtual_time: bool = False,
    kit: Kit | None = None,
) -> Harness:
    """Return a harness that runs one actor as the runtime does.

    Use `with` in a test without an event loop, and `async with` on trio, on asyncio and in a
    notebook. The node's id is "node".

    Args:
        actor: defined anywhere: also in a script, in a notebook, inside a function.
        params: in the form of a manifest, or as a Params object; its defaults if None.
        executor: "native" runs the actor in the test's process, "multiprocess" in a node process,
            "shared" a batched actor in a host.
        virtual_time: whether time stands still for a native actor until `advance`. In an async
            test on trio, the clock is the test's: use the fixture mock_clock or autojump_clock.
        kit: the test kit; that of the installed runtime if None. The pytest fixtures pass one with
            a warm forkserver.

    Raises:
        ManifestError: the params are not valid, or no other process can have a copy of the class.
    """
    return pipeline_harness(
        {"node": (actor, params or {})}, executor=executor, virtual_time=virtual_time, kit=kit
    )


def pipeline_harness(
    actors: Mapping[str, NodeSetup],
    connections: Iterable[str] = (),
    *,
    executor: ExecutorName = "native",
    virtual_time: bool = False,
    kit: Kit | None = None,
) -> Harness:
    """Return a harness that runs a small pipeline.

    Args:
        actors: node id -> class, or class and params.
        connections: "a > b" each.
        executor: of all nodes.
        virtual_time: as in `harness`.
        kit: as in `harness`.

    Raises:
        ValueError: a connection is not of the form "a > b".
        ManifestError: the pipeline is not valid, or no other process can have a copy of a class.

    >>> from actors import Json
    >>> from actors.nodes.expander import ExpanderNode
    >>> from actors.nodes.multiply import MultiplyNode
    >>> with pipeline_harness(
    ...     {"expand": ExpanderNode, "double": MultiplyNode}, ["expand > double"]
    ... ) as pipeline:
    ...     [item.value["value"] for item in pipeline.feed(Json({"value": 1}))]
    [2.0, 4.0, 6.0]
    """
    return (kit or installed_kit()).harness(
        {node: _class_and_params(setup) for node, setup in actors.items()},
        [_ends(connection) for connection in connections],
        executor=executor,
        virtual_time=virtual_time,
    )


def plain_params(params: Mapping[str, Any] | Params | None) -> Mapping[str, Any]:
    """Return params in the form of a manifest."""
    if isinstance(params, Params):
        return params.model_dump(mode="json", exclude_unset=True)
    return params or {}


def _class_and_params(setup: NodeSetup) -> tuple[type[Actor[Any]], Mapping[str, Any]]:
    if isinstance(setup, tuple):
        return setup[0], plain_params(setup[1])
    return setup, {}


def _ends(connection: str) -> tuple[str, str]:
    source, arrow, target = (part.strip() for part in connection.partition(">"))
    if not (source and arrow and target):
        raise ValueError(f'a connection must be of the form "a > b", got {connection!r}')
    return source, target
