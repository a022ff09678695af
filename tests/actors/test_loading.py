"""Models of native nodes load beside the event loop, one at a time."""

import threading
from typing import Any

import trio

from actors.nodes._event_loop import load_beside_loop
from actors.nodes.silero_vad import SileroVADNode


async def load(function):
    loading = load_beside_loop(function)
    assert loading is not None
    await loading


async def test_the_event_loop_runs_while_a_model_loads():
    has_run = threading.Event()
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load, has_run.wait)
            has_run.set()


async def test_one_model_loads_at_a_time():
    at_once: list[int] = []
    alone = threading.Lock()

    def function() -> None:
        at_once.append(alone.acquire(blocking=False))
        alone.release()

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(load, function)
    assert at_once == [True] * 20


async def test_a_node_waiting_for_its_turn_can_be_cancelled():
    leaves = threading.Event()
    loaded: list[str] = []

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load, leaves.wait)
            await trio.testing.wait_all_tasks_blocked()
            with trio.move_on_after(0) as scope:
                await load(lambda: loaded.append("second"))
            leaves.set()
        assert scope.cancelled_caught
    assert loaded == []


async def test_a_vad_loads_beside_the_event_loop():
    node: Any = SileroVADNode()
    loading = node.initialize()
    assert loading is not None
    before = node._model
    await loading
    assert before is None, "nothing is loaded before the first wait"
    assert node._model is not None
    node.cleanup()


def test_without_an_event_loop_a_model_loads_at_once():
    calls: list[int] = []
    assert load_beside_loop(lambda: calls.append(1)) is None
    assert calls == [1]
