"""The services of the runtime for an actor."""

import logging
from collections.abc import Awaitable, Callable, Hashable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import DTypeLike

from .data import Array, Data
from .endpoint import ModelEndpoint
from .routed import Routed
from .timestamped import Timestamped

T = TypeVar("T")

Output = Data | Timestamped | Routed
"""One item that a hook returns, yields or emits."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a node's initialization.

    Attributes:
        status: "starting", "loading_model", "ready" or "error".
        fraction: 0 to 1.
        message: for people.
    """

    status: str
    fraction: float
    message: str = ""


class NodeTasks(Protocol):
    """The background tasks of a running node, and what they emit: see `Context`."""

    async def emit(self, data: Output, sequence: int | None, timestamp_ms: int | None) -> None:
        """Emit an item."""

    def emit_from_thread(
        self, data: Output, sequence: int | None, timestamp_ms: int | None
    ) -> None:
        """Emit an item, from a thread."""

    def start_soon(
        self, function: Callable[..., Awaitable[object]], args: tuple[Any, ...], *, keep_open: bool
    ) -> None:
        """Start a task."""


def _discard(progress: Progress) -> None:
    """Discard a progress report: there is no runtime, as in a unit test."""


def _private_memory(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Array:
    return np.empty(shape, dtype)


def _no_tool(name: str) -> Callable[..., Any]:
    raise LookupError(f"there is no tool {name!r}: [tools] of runtime.toml defines them")


async def _load_alone(  # noqa: ASYNC124 (in place of one that waits)
    _key: Hashable, load: Callable[[], object]
) -> object:
    """Load a resource for this actor: there is no runtime, as in a unit test."""
    return load()


def _load_own(_key: Hashable, load: Callable[[], object]) -> object:
    """Load a resource: no template has done it."""
    return load()


class _NodeLog(logging.LoggerAdapter[logging.Logger]):
    """Adds session and node to the fields of each record."""

    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        """Return a call's arguments, with session and node in its `extra`."""
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **(self.extra or {})}}


class Context:
    """The services of the runtime for an actor, as `self.context`.

    Attributes:
        node_id: the id of the node in the manifest.
        session_id: the id of the session.
        sequence: of the item that is being processed; its outputs have the same.
        timestamp_ms: the client's timestamp of that item, in milliseconds; 0 if it has none.
        source: the id of the node that produced the item; empty if a client sent it.
        readers: the ids of the nodes that read the outputs; empty for a sink.
        trace: the `traceparent` of the current call, for the HTTP headers of calls that the node
            makes; None if the session is not traced.
        models: the chat endpoints of the operator that the node's params name, by name; they have
            secret keys.
        log: a logger whose records name session and node; `extra` of a call adds fields.
    """

    __slots__ = (
        "_find_tool",
        "_loan",
        "_report",
        "_share",
        "_take",
        "_tasks",
        "log",
        "models",
        "node_id",
        "readers",
        "sequence",
        "session_id",
        "source",
        "timestamp_ms",
        "trace",
    )

    def __init__(
        self,
        node_id: str = "node",
        session_id: str = "",
        *,
        report: Callable[[Progress], None] = _discard,
        loan: Callable[[tuple[int, ...], np.dtype[Any]], Array] = _private_memory,
        models: Mapping[str, ModelEndpoint] | None = None,
        find_tool: Callable[[str], Callable[..., Any]] = _no_tool,
        readers: tuple[str, ...] = (),
        share: Callable[[Hashable, Callable[[], object]], Awaitable[object]] = _load_alone,
        take: Callable[[Hashable, Callable[[], object]], object] = _load_own,
    ) -> None:
        self.node_id = node_id
        self.session_id = session_id
        self.sequence = 0
        self.timestamp_ms = 0
        self.source = ""
        self.readers = readers
        self.trace: str | None = None
        logger = logging.getLogger(f"millrace.node.{node_id}")
        self.log: logging.LoggerAdapter[logging.Logger] = _NodeLog(
            logger, {"session": session_id, "node": node_id}
        )
        self.models: Mapping[str, ModelEndpoint] = models or {}
        self._report = report
        self._loan = loan
        self._find_tool = find_tool
        self._share = share
        self._take = take
        self._tasks: NodeTasks | None = None

    def progress(
        self, fraction: float, message: str = "", *, status: str = "loading_model"
    ) -> None:
        """Report the progress of `initialize` to the client, from any hook.

        Args:
            fraction: 0 to 1; a value outside is clamped.
            message: for people, such as "loading the acoustic model"; characters that UTF-8 cannot
                encode are escaped.
            status: "starting" or "loading_model".
        """
        text = str(message).encode(errors="backslashreplace").decode()
        self._report(Progress(status, min(max(0.0, float(fraction)), 1.0), text))

    def tool(self, name: str) -> Callable[..., Any]:
        """Return a function of the operator that the node's params name.

        Raises:
            LookupError: the params name no such tool.
            Exception: its module cannot be imported.
        """
        return self._find_tool(name)

    def loan(self, shape: int | tuple[int, ...], dtype: DTypeLike) -> Array:
        """Return a writable array for an output, in shared memory if the output goes there.

        Fill it, build a data item of it, and return the item. The content is undefined until it is
        written; building the item makes the array read-only.
        """
        return self._loan((shape,) if isinstance(shape, int) else tuple(shape), np.dtype(dtype))

    async def shared(self, key: Hashable, load: Callable[[], T]) -> T:
        """Return a resource that the nodes of this class in one process share, such as weights.

        Await it in `initialize`. The first node to ask for a key loads the resource, in a worker
        thread; the others get the same object. Each node has it until its `cleanup` has returned,
        and the last one frees it. Drop your own references in `cleanup`. The server runs all
        native nodes in one process; a node with a process of its own shares with nobody.

        Nodes of several sessions use the object, at the same time if the class sets
        `runs_in_thread`: it must not keep what belongs to a stream.

        Args:
            key: what the resource depends on, such as the path of a model. It is hashable.
            load: takes no argument, and returns the resource. It must not use this actor, which may
                be gone before the resource is.

        Raises:
            Exception: what `load` raised, in every node that waited for it.
            RuntimeError: the node has ended.
        """
        return cast(T, await self._share(key, load))

    def preloaded(self, key: Hashable, load: Callable[[], T]) -> T:
        """Return a resource of this node alone: its template's, or else what `load` returns.

        Call it in `initialize` for what `Actor.preload` returns under this key, where nodes must
        not share one object, such as a decoder with a state. See `shared` for the others.

        Args:
            key: as `preload` has it.
            load: takes no argument, and returns the resource where there is no template.

        Raises:
            Exception: what `load` raised.
        """
        return cast(T, self._take(key, load))

    async def emit(
        self, data: Output, *, sequence: int | None = None, timestamp_ms: int | None = None
    ) -> None:
        """Emit an item at any time: from a background task, or from within a hook.

        It waits while the readers are full.

        Args:
            data: of a kind that the actor declares; also a `Timestamped` or a `Routed`.
            sequence: by default that of the item that was being processed when the background task
                was started, and of the last item otherwise. A source numbers its items itself.
            timestamp_ms: in milliseconds; by default as for `sequence`. In a source, it is the time
                since the source began.

        Raises:
            RuntimeError: the stream of the node has ended, as in `cleanup`, or the actor is not run
                by a runtime.
        """
        await self._running().emit(data, sequence, timestamp_ms)

    def emit_from_thread(
        self, data: Output, *, sequence: int | None = None, timestamp_ms: int | None = None
    ) -> None:
        """Emit an item from a thread of the actor's own, such as the callback of a device.

        It blocks the thread while the readers are full. Arguments and errors are those of `emit`.
        """
        self._running().emit_from_thread(data, sequence, timestamp_ms)

    def start_soon(
        self,
        function: Callable[..., Awaitable[object]],
        *args: Any,
        keep_open: bool = False,
    ) -> None:
        """Start a background task of the node, from any hook.

        The task runs beside the hooks, from when the node is ready. An exception of it ends the
        session, as one of a hook does. When all inputs have ended, `flush` is called; then the
        tasks are cancelled and awaited, and the node's stream ends.

        Args:
            function: an async function.
            args: its arguments.
            keep_open: whether `flush`, and the end of the stream, wait for the task's end. Set it
                for a task that answers an item, and leave it out for one that never ends.

        Raises:
            RuntimeError: the stream of the node has ended, as in `cleanup`, or the actor is not run
                by a runtime.
        """
        self._running().start_soon(function, args, keep_open=keep_open)

    def attach(self, tasks: NodeTasks) -> None:
        """Set what runs the background tasks; the runtime calls it."""
        self._tasks = tasks

    def _running(self) -> NodeTasks:
        if self._tasks is None:
            raise RuntimeError(
                "no runtime runs this actor: emit() and start_soon() work in a session, and in a "
                "harness of actors.testing"
            )
        return self._tasks
