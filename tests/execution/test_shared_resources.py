"""Nodes of one class share what they load, in the server; a load fails or ends for each alone."""

import threading
import time
import weakref
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
import trio

from actors import Actor, Field, Json, Kind, Params, Text
from runtime import HookError, Runtime, RuntimeConfig
from tests.conftest import OpenRuntime
from tests.session.pipelines import manifest


class Weights:
    """Something that costs memory."""


class Loads:
    """What the loads of a test do, and what they have done."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.made: list[weakref.ref[Weights]] = []
        self.started = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self.error: Exception | None = None

    def load(self) -> Weights:
        self.threads.append(threading.get_ident())
        self.started.set()
        assert self.may_end.wait(60)
        if self.error is not None:
            raise self.error
        weights = Weights()
        self.made.append(weakref.ref(weights))
        return weights

    async def wait_started(self) -> None:
        await trio.to_thread.run_sync(self.started.wait)


class SharingParams(Params):
    """What is shared."""

    model: str = Field("small", description="name of the weights")


def sharing(loads: Loads, loop: Any = "trio") -> type[Actor[SharingParams]]:
    """Return an actor class of its own that shares what `loads` loads."""

    class Sharing(Actor[SharingParams], loop=loop):
        """Answer with the identity of the weights."""

        accepts = frozenset({Kind.TEXT})
        produces = frozenset({Kind.JSON})
        users: ClassVar[list[object]] = []

        async def initialize(self) -> None:
            self._weights: Weights | None = None
            self._weights = await self.context.shared(self.params.model, loads.load)

        def process(self, item: Text) -> Json:
            return Json(id(self._weights))

        def cleanup(self) -> None:
            self._weights = None

    return Sharing


def two(model: str = "small") -> Any:
    return manifest(
        {"a": "Sharing", "b": ("Sharing", {"model": model})}, places={"a": "native", "b": "native"}
    )


@pytest.mark.parametrize("loop", ["trio", "asyncio"])
async def test_native_nodes_of_two_sessions_share_one_load_in_a_thread_until_the_last_ends(
    runtime: Runtime, loop: str
) -> None:
    loads = Loads()
    types = {"Sharing": sharing(loads, loop)}
    async with runtime.open_session(two(), node_types=types) as first:
        await first.wait_ready()
        async with runtime.open_session(two(), node_types=types) as second:
            await second.send(Text("which?"))
            await second.wait_ready()
        assert len(loads.threads) == 1
        assert loads.threads[0] != threading.get_ident()
        assert loads.made[0]() is not None
    await freed(loads)
    async with runtime.open_session(two(), node_types=types) as third:
        await third.wait_ready()
    assert len(loads.made) == 2
    await freed(loads)


async def test_a_runtime_ends_after_what_its_nodes_shared_is_freed(
    runtime_with: OpenRuntime,
) -> None:
    loads = Loads()
    freed_in: list[int] = []

    def note_slowly() -> None:
        time.sleep(0.2)  # as a large model takes
        freed_in.append(threading.get_ident())

    async with runtime_with(RuntimeConfig()) as runtime:
        types = {"Sharing": sharing(loads)}
        async with runtime.open_session(two(), node_types=types) as session:
            await session.wait_ready()
            weights = loads.made[0]()
            assert weights is not None
            weakref.finalize(weights, note_slowly)
            del weights
    assert freed_in
    assert freed_in != [threading.get_ident()]


async def freed(loads: Loads) -> None:
    """Wait until everything that was loaded is gone."""
    for made in loads.made:
        gone = trio.Event()
        token = trio.lowlevel.current_trio_token()
        weights = made()
        if weights is not None:
            weakref.finalize(weights, token.run_sync_soon, gone.set)
            del weights
            with trio.fail_after(60):
                await gone.wait()


async def test_another_key_or_another_class_is_another_resource(runtime: Runtime) -> None:
    loads = Loads()
    types = {"Sharing": sharing(loads)}
    others = {"Sharing": sharing(loads)}
    async with (
        runtime.open_session(two("large"), node_types=types) as one,
        runtime.open_session(two("large"), node_types=others) as other,
    ):
        await one.wait_ready()
        await other.wait_ready()
        assert len(loads.made) == 4


async def test_each_waiter_gets_the_error_of_a_load_and_the_next_session_loads_again(
    runtime: Runtime,
) -> None:
    loads = Loads()
    types = {"Sharing": sharing(loads)}
    loads.error = OSError("no weights here")
    loads.may_end.clear()
    errors: list[HookError] = []

    async def run() -> None:
        with pytest.raises(HookError, match="no weights here") as caught:
            async with runtime.open_session(two(), node_types=types) as session:
                await session.wait_ready()
        errors.append(caught.value)

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(run)
        await loads.wait_started()
        await trio.testing.wait_all_tasks_blocked()
        loads.may_end.set()
    assert len(errors) == 3
    assert all("in load" in error.stack_trace for error in errors)
    assert len(loads.threads) == 1
    loads.error = None
    async with runtime.open_session(two(), node_types=types) as session:
        await session.wait_ready()
    assert len(loads.threads) == 2


@pytest.mark.parametrize("all_leave", [False, True])
async def test_a_session_that_is_cancelled_leaves_the_load_to_the_others(
    runtime: Runtime, all_leave: bool
) -> None:
    loads = Loads()
    types = {"Sharing": sharing(loads)}
    loads.may_end.clear()
    left = trio.CancelScope()

    async def run(ended: Callable[[], object], scope: trio.CancelScope) -> None:
        with scope:
            async with runtime.open_session(two(), node_types=types) as session:
                await session.wait_ready()
        ended()

    first_ended = trio.Event()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run, first_ended.set, left)
        await loads.wait_started()
        if not all_leave:
            nursery.start_soon(run, lambda: None, trio.CancelScope())
            await trio.testing.wait_all_tasks_blocked()
        left.cancel()
        with trio.fail_after(60):
            await first_ended.wait()  # while the load goes on
        loads.may_end.set()
    assert left.cancelled_caught
    if all_leave:  # a load that nobody waits for serves the next session, or is freed
        async with runtime.open_session(two(), node_types=types) as session:
            await session.wait_ready()
    await freed(loads)


@pytest.mark.parametrize("executor", ["native", "multiprocess"])
def test_an_actor_that_shares_runs_in_both_places(run_actor: Callable[..., Any]) -> None:
    with run_actor(CountingLoads) as node:
        node.send(Text("how often?"))
        outputs = node.end()
    assert [output.value for output in outputs] == [1]


class CountingLoads(Actor[Params]):
    """Ask twice for the same, and answer how often it was loaded."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.JSON})

    async def initialize(self) -> None:
        self._count = 0
        self._first = await self.context.shared("one", Weights)
        self._second = await self.context.shared("one", Weights)

    def process(self, item: Text) -> Json:
        return Json(1 if self._first is self._second else 2)
