"""Steps that one task does for another that waits."""

from collections.abc import Callable

import pytest
import trio
import trio.testing

from runtime.links import DirectRun, SteppedWait


class Waiter:
    """A task that waits, with a step of the test's."""

    def __init__(self, step: Callable[[], bool]) -> None:
        self.waiting = SteppedWait()
        self.step = step
        self.ends: list[object] = []

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        try:
            self.ends.append(await self.waiting.wait(self.step))
        except trio.Cancelled:
            self.ends.append("cancelled")
            raise
        except ValueError as error:
            self.ends.append(str(error))


async def test_a_task_sleeps_on_until_a_step_leaves_something() -> None:
    steps = iter([True, True, False])
    waiter = Waiter(lambda: next(steps))
    async with trio.open_nursery() as nursery:
        await nursery.start(waiter.run)
        await trio.testing.wait_all_tasks_blocked()
        assert waiter.waiting.run_step()
        assert waiter.waiting.run_step()
        await trio.testing.wait_all_tasks_blocked()
        assert waiter.ends == []
        assert not waiter.waiting.run_step()
        await trio.testing.wait_all_tasks_blocked()
        assert waiter.ends == [True]
        assert not waiter.waiting.run_step()  # nobody waits


async def test_the_error_of_a_step_is_raised_where_its_task_waits() -> None:
    def fail() -> bool:
        raise ValueError("of the step")

    waiter = Waiter(fail)
    async with trio.open_nursery() as nursery:
        await nursery.start(waiter.run)
        await trio.testing.wait_all_tasks_blocked()
        assert not waiter.waiting.run_step()
    assert waiter.ends == ["of the step"]


@pytest.mark.parametrize("is_done", [True, False])
async def test_a_task_that_its_own_step_cancels_gets_what_the_step_left(is_done: bool) -> None:
    async with trio.open_nursery() as nursery:

        def step() -> bool:
            nursery.cancel_scope.cancel()
            return is_done

        waiter = Waiter(step)
        await nursery.start(waiter.run)
        await trio.testing.wait_all_tasks_blocked()
        assert not waiter.waiting.run_step()
        await trio.testing.wait_all_tasks_blocked()
    assert waiter.ends == [not is_done]


async def test_a_cancelled_task_has_no_step() -> None:
    waiter = Waiter(lambda: True)
    async with trio.open_nursery() as nursery:
        await nursery.start(waiter.run)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
        assert not waiter.waiting.run_step()
        waiter.waiting.wake()
    assert waiter.ends == ["cancelled"]


async def test_readers_run_in_their_order_and_for_a_slice_of_time_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    direct, order = DirectRun(), list[str]()

    class Reader:
        def __init__(self, name: str, reaches: "Reader | None" = None) -> None:
            self.name, self.reaches = name, reaches

        def run_step(self) -> None:
            order.append(self.name)
            if self.reaches is not None:
                assert direct.offer(self.reaches)

        def wake(self) -> None:
            order.append(f"{self.name} wakes")

    late = Reader("late")
    assert not direct.offer(late)  # nobody runs anything now
    direct.begin()
    direct.offer(Reader("first", reaches=Reader("third")))
    direct.offer(Reader("second"))
    direct.finish()
    assert order == ["first", "second", "third"]
    monkeypatch.setattr("runtime.links.direct_run._SLICE_SECONDS", 0.0)
    direct.begin()
    direct.offer(Reader("slow"))
    direct.offer(late)
    direct.finish()
    assert order[3:] == ["slow", "late wakes"]
    assert not direct.offer(late)
