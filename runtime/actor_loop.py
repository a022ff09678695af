"""The one loop that runs an actor, in the server and in a child process alike."""

import inspect
import time
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from dataclasses import replace
from typing import Any, Final

import trio

from actors import Actor, Context, Data, Json

from .acceptance import Acceptance
from .errors import HookError, KindError, NodeError, SharedMemoryError, sole_error
from .links import Inbox, Item, Output, PeerGoneError
from .links.mark import name_of_mark
from .statistics import NodeStatistics

# Whoever watches a process knows of its death at once; a node that sees a broken link leaves it
# this long to say what happened.
VERDICT_SECONDS: Final = 2.0


class ActorLoop:
    """An actor with its links: receive, process, send; at the end of all streams, flush.

    Every error of the actor leaves here as a HookError or NodeError, wherever the loop runs.

    Attributes:
        statistics: kept up to date while it runs.
    """

    def __init__(self, actor: Actor[Any], context: Context, inbox: Inbox, output: Output) -> None:
        self.statistics = NodeStatistics()
        self._actor = actor
        self._context = context
        self._inbox = inbox
        self._output = output
        self._node_id = context.node_id
        self._accepts = Acceptance.of(type(actor))
        self._current = Item(Json(None))
        self._busy_seconds = 0.0
        self._limiter = trio.CapacityLimiter(1) if actor.runs_in_thread else None

    async def initialize(self) -> None:
        """Let the actor get ready."""
        began = time.perf_counter()
        await self._call("initialize", self._actor.initialize)
        self.statistics.initialize_seconds = time.perf_counter() - began

    async def run(self) -> None:
        """Process everything that comes, flush, and end the streams that go out."""
        try:
            await self._run_beside_pumps()
        except PeerGoneError as error:
            await self._wait_for_verdict(error)
        except SharedMemoryError as error:
            raise error.at(self._node_id) from None

    async def cleanup(self) -> None:
        """Let the actor let go of everything; shielded, so give it a deadline."""
        with trio.CancelScope(shield=True):
            await self._call("cleanup", self._actor.cleanup)

    async def _run_beside_pumps(self) -> None:
        try:
            async with trio.open_nursery() as pumps:
                self._output.start_pumps(pumps)
                await self._process_all()
                await self._emit("flush", await self._call("flush", self._actor.flush))
                await self._output.end()
        except BaseExceptionGroup as group:
            raise sole_error(group) from None

    async def _process_all(self) -> None:
        actor, context, statistics = self._actor, self._context, self.statistics
        while True:
            began = time.perf_counter()
            try:
                item = await self._inbox.receive()
            except trio.EndOfChannel:
                return
            finally:
                statistics.waiting_seconds += time.perf_counter() - began
            if name_of_mark(item.data) is not None:
                await self._output.send(replace(item, source=self._node_id))
                continue
            self._current = item
            data = self._accepted(item)
            context.sequence = item.sequence
            context.timestamp_ms = item.timestamp_ms
            context.source = item.source
            statistics.items_in += 1
            self._busy_seconds = 0.0
            result = await self._call("process", actor.process, data)
            await self._emit("process", result)
            statistics.processing.add(self._busy_seconds)

    async def _emit(self, hook: str, result: object) -> None:
        """Send what a hook returned, one item, many, or none."""
        if result is None:
            return
        if isinstance(result, Data):
            await self._send(hook, result)
        elif isinstance(result, AsyncIterable):
            await self._emit_async(hook, result)
        elif isinstance(result, Iterable) and not isinstance(result, str | bytes | dict):
            iterator = iter(result)
            while True:
                item = await self._call(hook, next, iterator, _END)
                if item is _END:
                    return
                await self._send(hook, item)
        else:
            await self._send(hook, result)

    async def _emit_async(self, hook: str, result: AsyncIterable[object]) -> None:
        iterator = aiter(result)
        try:
            while True:
                item = await self._call(hook, _anext, iterator)
                if item is _END:
                    return
                await self._send(hook, item)
        finally:
            if isinstance(iterator, AsyncGenerator):
                with trio.CancelScope(shield=True):
                    await iterator.aclose()

    async def _send(self, hook: str, data: object) -> None:
        actor = self._actor
        if not isinstance(data, Data) or data.kind not in actor.produces:
            kinds = ", ".join(sorted(kind.value for kind in actor.produces))
            got = data.kind.value if isinstance(data, Data) else f"a {type(data).__name__}"
            raise NodeError(
                self._node_id,
                f"{type(actor).__name__}.{hook}() returned {got}; it declares that it produces "
                f"{kinds}, each as an item of `actors`, or None",
            )
        current = self._current
        began = time.perf_counter()
        await self._output.send(
            Item(data, current.sequence, self._node_id, current.timestamp_ms, current.entered_ns)
        )
        self.statistics.sending_seconds += time.perf_counter() - began
        self.statistics.items_out += 1

    async def _call(self, hook: str, function: Callable[..., object], *args: object) -> object:
        """Run the actor's own code, and turn what it raises into a HookError."""
        began = time.perf_counter()
        try:
            if self._limiter is not None and function is not _anext:
                result = await trio.to_thread.run_sync(function, *args, limiter=self._limiter)
            else:
                result = function(*args)
            if inspect.isawaitable(result):
                result = await result
        except (trio.Cancelled, KeyboardInterrupt):
            raise
        except BaseException as error:  # noqa: BLE001 (whatever an actor raises is its error)
            raise self._hook_error(hook, error) from None
        self._busy_seconds += time.perf_counter() - began
        return result

    def _hook_error(self, hook: str, error: BaseException) -> BaseException:
        if isinstance(error, BaseExceptionGroup):
            own = sole_error(error)
            if own is error:
                return error  # nothing but cancellations
        return HookError.of(self._node_id, hook, error)

    def _accepted(self, item: Item) -> Data:
        data = self._accepts.taken(item.data)
        if data is None:
            raise KindError(self._node_id, self._accepts.refusal(item.data, item.source))
        return data

    async def _wait_for_verdict(self, error: PeerGoneError) -> None:
        await trio.sleep(VERDICT_SECONDS)
        raise NodeError(error.peer or self._node_id, "closed its links without ending its stream")


_END: Final = object()


async def _anext(iterator: AsyncIterable[object]) -> object:
    return await anext(aiter(iterator), _END)
