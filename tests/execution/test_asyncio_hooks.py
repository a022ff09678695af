"""Calls between trio and the asyncio loop of an actor."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.lowlevel

from actors import Actor, Params
from runtime.execution import AsyncioHooks, open_hook_loop


class OnAsyncio(Actor[Params], loop="asyncio"):
    """Do nothing."""


class Flag:
    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[object] | None] = []
        self.event = asyncio.Event()

    async def note(self) -> asyncio.Task[object] | None:
        self.tasks.append(asyncio.current_task())
        return asyncio.current_task()

    async def wait(self) -> None:
        await self.note()
        await self.event.wait()

    async def set(self) -> None:
        await self.note()
        self.event.set()


async def with_hooks(work: Callable[[AsyncioHooks], Awaitable[None]]) -> None:
    async with open_hook_loop(OnAsyncio()) as hooks:
        assert hooks is not None
        with trio.fail_after(10):
            await work(hooks)


async def test_calls_share_a_task_and_what_runs_beside_them_has_its_own() -> None:
    async def work(hooks: AsyncioHooks) -> None:
        flag = Flag()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hooks.run_task, flag.wait)
            await trio.testing.wait_all_tasks_blocked()
            first = await hooks.call(flag.note)
            assert await hooks.call(flag.note) is first
            nursery.start_soon(hooks.call, flag.wait)
            await trio.testing.wait_all_tasks_blocked()
            await hooks.call(flag.set)  # while another call waits
        background, *calls, beside = flag.tasks
        assert calls == [first] * 3
        assert background is not first
        assert beside is not first

    await with_hooks(work)


async def test_a_cancellation_reaches_a_call_that_has_not_begun() -> None:
    async def work(hooks: AsyncioHooks) -> None:
        flag = Flag()
        with trio.CancelScope() as scope:
            scope.cancel()
            await hooks.call(flag.note)
        assert scope.cancelled_caught
        assert flag.tasks == []
        assert await hooks.call(flag.note) is not None

    await with_hooks(work)


async def test_a_result_in_spite_of_a_cancellation_is_returned() -> None:
    async def insist() -> str:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
        return "done"

    async def work(hooks: AsyncioHooks) -> None:
        with trio.move_on_after(0.01):
            assert await hooks.call(insist) == "done"

    await with_hooks(work)


async def test_an_error_keeps_no_reference_to_the_call() -> None:
    async def fail() -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError  # its own

    async def work(hooks: AsyncioHooks) -> None:
        with pytest.raises(asyncio.CancelledError):
            await hooks.call(fail)

    await with_hooks(work)


async def test_a_hook_awaits_functions_of_trio() -> None:
    async def double(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return number * 2

    cancelled: list[bool] = []

    async def never() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.append(True)

    async def work(hooks: AsyncioHooks) -> None:
        assert await hooks.call(hooks.await_trio, double, 4) == 8
        with trio.move_on_after(0.01):
            await hooks.call(hooks.await_trio, never)
        assert cancelled == [True]

    await with_hooks(work)


async def test_a_cancelled_block_still_calls_on_asyncio_for_clean_up() -> None:
    notes: list[str] = []

    async def clean_up() -> None:
        await asyncio.sleep(0)
        notes.append("cleaned up")

    with trio.move_on_after(0.01):
        async with open_hook_loop(OnAsyncio()) as hooks:
            assert hooks is not None
            try:
                await hooks.call(asyncio.Event().wait)
            finally:
                with trio.CancelScope(shield=True):
                    await hooks.call(clean_up)
    assert notes == ["cleaned up"]
