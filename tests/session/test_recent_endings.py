"""What is kept of sessions that have ended: bounded in age, number and memory."""

import tracemalloc

import pytest

from actors import Text
from runtime import HookError, Runtime
from runtime.session import EndedSession, EndReason, RecentEndings
from runtime.session.ending import Ending
from tests.session.pipelines import chain, run_through


def ended(name: str = "s", detail: str = "") -> EndedSession:
    ending = Ending("failed", EndReason.NODE_ERROR, "n0", "NodeError", detail)
    return EndedSession(name, "pipeline", "peer", "", 1.0, 2.0, ending, 1, 2, 3, 4, 5, 6)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def numbers(endings: RecentEndings) -> list[int]:
    return [each.number for each in endings.after()]


def test_the_oldest_go_when_there_are_too_many() -> None:
    endings = RecentEndings(most=3)
    for index in range(5):
        endings.add(ended(f"s{index}"))
    assert numbers(endings) == [3, 4, 5]
    assert endings.last_number == 5
    assert endings.find("s1") is None
    found = endings.find("s4")
    assert found is not None
    assert found.number == 5


def test_they_go_after_their_time() -> None:
    clock = Clock()
    endings = RecentEndings(most_seconds=60, clock=clock)
    endings.add(ended())
    clock.now = 59
    endings.add(ended())
    assert numbers(endings) == [1, 2]
    clock.now = 61
    assert numbers(endings) == [2]


def test_they_stay_within_their_memory() -> None:
    endings = RecentEndings(most=10**6, most_bytes=200_000)
    tracemalloc.start()
    try:
        before = tracemalloc.take_snapshot()
        for index in range(2000):
            endings.add(ended(f"s{index}", f"{index} " + "\u2620" * 1000))
        after = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    grown = sum(each.size_diff for each in after.compare_to(before, "filename"))
    assert 1 < len(numbers(endings)) < 2000
    assert grown < 400_000


async def test_a_session_is_recorded_with_cut_texts(runtime: Runtime) -> None:
    manifest = chain(("Raising", {"hook": "process"}), ["native"])
    with pytest.raises(HookError):
        await run_through(runtime, manifest, [Text("x")])
    (ending,) = [each.session for each in runtime.endings.after()]
    assert (ending.pipeline, ending.ending.reason) == ("test", EndReason.NODE_ERROR)
    assert (ending.ending.node_id, ending.items_in) == ("n0", 1)
    assert len(ending.ending.detail) <= 1024
