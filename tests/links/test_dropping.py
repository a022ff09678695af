"""Links that drop: bounded in bytes too, for each reader alone."""

import os
from collections import deque
from pathlib import Path

import numpy as np
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from actors import Binary
from runtime import Runtime
from runtime.links import Inbox, Item
from runtime.links.shared.overflow import Overflow
from tests.session.pipelines import manifest, with_config

MIB = 1024 * 1024
PLACES = {
    "native to native": ("native", "native", "native"),
    "native to children": ("native", "multiprocess", "multiprocess"),
    "child to children": ("multiprocess", "multiprocess", "multiprocess"),
    "child to native": ("multiprocess", "native", "native"),
}


@pytest.mark.parametrize("places", PLACES.values(), ids=PLACES)
async def test_a_slow_reader_keeps_the_newest_items_that_are_within_its_bytes(
    runtime: Runtime, tmp_path: Path, places: tuple[str, str, str]
) -> None:
    pipe = tmp_path / "gate"
    os.mkfifo(pipe)
    pipeline = manifest(
        {
            "src": "PassThrough",
            # Its results are short: the session would drop longer ones that come all at once.
            "slow": ("Gated", {"path": str(pipe), "most_bytes": 8}),
            "fast": "PassThrough",
        },
        ["src > slow", "src > fast"],
        places=dict(zip(("src", "slow", "fast"), places, strict=True)),
        channel_capacity=50,
        enable_backpressure=False,
    )
    payloads = [Binary(np.full(2 * MIB, n, np.uint8)) for n in range(60)]
    slow: list[int] = []
    async with with_config(runtime, channel_bytes=7 * MIB).open_session(pipeline) as session:
        for n, payload in enumerate(payloads):
            await session.send(payload)
            result = await session.receive()
            assert (result.node_id, result.sequence, result.data) == ("fast", n, payload)
            if n == 0:
                gate = await trio.to_thread.run_sync(os.open, pipe, os.O_WRONLY)
        os.close(gate)
        await session.close_input()
        async for result in session:
            assert result.data == Binary(payloads[result.sequence].data[:8])
            slow.append(result.sequence)
    assert slow == [0, 57, 58, 59]
    assert session.statistics()["slow"].dropped_from == {"src": 56}
    assert session.dropped() == 56


async def test_a_reader_that_takes_nothing_does_not_slow_its_producer_down() -> None:
    queue = Inbox().open_queue(capacity=8, capacity_bytes=MIB, drop_oldest=True)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        for n in range(1000):
            await queue.send(Item(Binary(b"x"), n))
        nursery.cancel_scope.cancel()
    assert queue.statistics.dropped == 992
    assert 1000 / 8 / 2 < turns < 1000 / 8 + 20  # others have theirs, but not for every item


class Buffers:
    """Readers' buffers as iceoryx2 keeps them, filled through an Overflow."""

    def __init__(self, readers: int, capacity: int, capacity_bytes: int) -> None:
        self.overflow = Overflow(capacity, capacity_bytes)
        self.buffers = [deque[tuple[int, int]](maxlen=capacity) for _ in range(readers)]
        self.taken = [0] * readers
        self.number = 0

    def publish(self, size: int) -> None:
        if self.overflow.is_short_of(size):
            self.overflow.forget(min(self.taken))
            for _ in range(self.overflow.fillers_before(size, self.number)):
                self._push(-1, 0)
        self._push(self.number, size)
        self.overflow.add(self.number, size)
        self.number += 1

    def take(self, reader: int) -> None:
        while self.buffers[reader]:
            number, _ = self.buffers[reader].popleft()
            if number >= 0:
                self.taken[reader] = number + 1
                return

    def _push(self, number: int, size: int) -> None:
        for buffer in self.buffers:
            buffer.append((number, size))


@given(
    st.integers(1, 3),
    st.integers(1, 6),
    st.lists(st.tuples(st.booleans(), st.integers(0, 2), st.integers(1, 12)), max_size=60),
)
def test_each_reader_keeps_exactly_the_newest_items_that_fit(
    readers: int, capacity: int, steps: list[tuple[bool, int, int]]
) -> None:
    most = 10
    buffers = Buffers(readers, capacity, most)
    sizes: list[int] = []
    for publishes, reader, size in steps:
        if not publishes:
            buffers.take(reader % readers)
            continue
        buffers.publish(size)
        sizes.append(size)
        for buffer, taken in zip(buffers.buffers, buffers.taken, strict=True):
            waiting = [(number, size) for number, size in buffer if number >= 0]
            assert [number for number, _ in waiting] == list(
                range(waiting[0][0], len(sizes))
            )  # the newest
            assert len(waiting) == 1 or sum(size for _, size in waiting) <= most
            first = waiting[0][0]
            if first > taken:  # so something was dropped: with it, it would be too much
                room = sum(sizes[first - 1 :])
                assert len(buffer) == capacity or room > most
