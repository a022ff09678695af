"""The server's end of a message buffer: what frames cost, and what a cancelled read keeps."""

import random
import tracemalloc

import pytest
import trio

from runtime.links import DirectRun
from runtime.service.trio_waiter import TrioWaiter
from runtime.wire import (
    CompressedMessageError,
    MessageBuffer,
    MessageError,
    MessageTooLongError,
    TruncatedMessageError,
)
from tests.service.raw_client import frame

COUNT = 100_000
MOST_BYTES = 2**20


async def kept_bytes(body: bytes, frame_bytes: int, padding: int) -> int:
    """Return what the frames of `body` take while a reader waits for the rest of a message."""
    buffer = MessageBuffer(TrioWaiter(DirectRun()), lambda _: None, most_bytes=MOST_BYTES)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(buffer.receive)
        await trio.testing.wait_all_tasks_blocked()
        buffer.add(frame(bytes(MOST_BYTES))[:5], 5)
        await trio.testing.wait_all_tasks_blocked()
        tracemalloc.start()
        try:
            for start in range(0, COUNT * max(frame_bytes, 1), max(frame_bytes, 1)):
                piece = body[start : start + frame_bytes]
                buffer.add(piece, len(piece) + padding)
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        nursery.cancel_scope.cancel()
    return kept


@pytest.mark.parametrize("padding", [0, 1])
async def test_frames_without_data_leave_nothing(padding: int) -> None:
    assert await kept_bytes(b"", 0, padding) < COUNT


async def test_a_message_in_tiny_frames_takes_hardly_more_than_its_bytes() -> None:
    body = bytes(4 * COUNT)
    assert await kept_bytes(body, 4, 0) < 2 * len(body)


async def received(buffer: MessageBuffer) -> list[bytes]:
    found = []
    while (message := await buffer.receive()) is not None:
        found.append(bytes(message))
    return found


@pytest.mark.parametrize("seed", range(20))
async def test_messages_are_whole_however_their_bytes_are_cut(seed: int) -> None:
    rng = random.Random(seed)
    sizes = [rng.choice([0, 1, 100, 3000, 70_000, 3_000_000]) for _ in range(6)]
    bodies = [rng.randbytes(size) for size in sizes]
    stream = b"".join(frame(body) for body in bodies)
    buffer = MessageBuffer(TrioWaiter(DirectRun()), lambda _: None, most_bytes=2**23)
    found: list[bytes] = []

    async def receive() -> None:
        found.extend(await received(buffer))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        position = 0
        while position < len(stream):
            size = rng.choice([1, 4, 5, 16, 5000, 131_072, 1_000_000])
            buffer.add(stream[position : position + size], len(stream[position : position + size]))
            position += size
            if rng.random() < 0.3:
                await trio.testing.wait_all_tasks_blocked()
        buffer.eof()
    assert found == bodies


@pytest.mark.parametrize("seed", range(20))
async def test_messages_that_are_taken_at_once_are_whole_in_order_and_acknowledged(
    seed: int,
) -> None:
    rng = random.Random(seed)
    sizes = [rng.choice([0, 1, 3, 100, 640, 3000, 70_000, 3_000_000]) for _ in range(30)]
    bodies = [rng.randbytes(size) for size in sizes]
    frames = [frame(body) for body in bodies]
    # Mostly one message to a frame, as clients send; now and then cut anywhere.
    pieces: list[bytes] = []
    for whole in frames:
        cut = rng.randrange(len(whole)) if rng.random() < 0.4 else 0
        pieces += [each for each in (whole[:cut], whole[cut:]) if each]
    acknowledged = 0

    def acknowledge(size: int) -> None:
        nonlocal acknowledged
        acknowledged += size

    direct = DirectRun()
    buffer = MessageBuffer(TrioWaiter(direct), acknowledge, most_bytes=2**23)
    found: list[bytes] = []
    at_once = 0

    def take(body: bytes | memoryview) -> bool:
        nonlocal at_once
        if rng.random() < 0.2:
            return False
        at_once += 1
        found.append(bytes(body))
        return True

    async def receive() -> None:
        while (message := await buffer.receive(take)) is not None:
            found.append(bytes(message))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        while pieces:
            count = rng.choice([1, 1, 1, 2, 3])
            direct.begin()
            for piece in pieces[:count]:
                buffer.add(piece, len(piece))
            direct.finish()
            del pieces[:count]
            if rng.random() < 0.7:
                await trio.testing.wait_all_tasks_blocked()
        direct.begin()
        buffer.eof()
        direct.finish()
    assert found == bodies
    assert at_once
    assert acknowledged + buffer.unacked_size() == sum(map(len, frames))


@pytest.mark.parametrize("size", [100, 3_000_000])
async def test_a_cancelled_read_loses_nothing_of_a_message(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + bytes(size % 250)
    whole = frame(body)
    buffer = MessageBuffer(TrioWaiter(DirectRun()), lambda _: None, most_bytes=2**23)
    for part in (whole[:3], whole[3:50], whole[50 : len(whole) // 2]):
        buffer.add(part, len(part))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(buffer.receive)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
    rest = whole[len(whole) // 2 :]
    buffer.add(rest, len(rest))
    message = await buffer.receive()
    assert message is not None
    assert bytes(message) == body


async def test_every_byte_is_acknowledged_once() -> None:
    acknowledged = 0

    def acknowledge(size: int) -> None:
        nonlocal acknowledged
        acknowledged += size

    buffer = MessageBuffer(TrioWaiter(DirectRun()), acknowledge, most_bytes=2**23)
    stream = frame(bytes(200_000)) + frame(b"abc") + frame(bytes(50_000))[:1000]
    for start in range(0, len(stream), 7000):
        piece = stream[start : start + 7000]
        buffer.add(piece, len(piece) + 1)
    padding = -(-len(stream) // 7000)
    await buffer.receive()
    await buffer.receive()
    buffer.eof()
    with pytest.raises(TruncatedMessageError):
        await buffer.receive()
    assert await buffer.receive() is None
    assert acknowledged + buffer.unacked_size() == len(stream) + padding
    assert buffer.unacked_size() == 0


@pytest.mark.parametrize(
    ("prefix", "error"),
    [(b"\1\0\0\0\0", CompressedMessageError), (b"\0\xff\0\0\0", MessageTooLongError)],
)
async def test_a_prefix_that_is_refused_stays_refused(
    prefix: bytes, error: type[MessageError]
) -> None:
    buffer = MessageBuffer(TrioWaiter(DirectRun()), lambda _: None, most_bytes=100)
    buffer.add(prefix, len(prefix))
    for _ in range(2):
        with pytest.raises(error):
            await buffer.receive()
        with pytest.raises(error):
            buffer.take()


@pytest.mark.parametrize(
    ("prefix", "error"),
    [(b"\1\0\0\0\0", CompressedMessageError), (b"\0\xff\0\0\0", MessageTooLongError)],
)
async def test_a_reader_that_takes_at_once_is_told_of_a_prefix_that_is_refused(
    prefix: bytes, error: type[MessageError]
) -> None:
    direct = DirectRun()
    buffer = MessageBuffer(TrioWaiter(direct), lambda _: None, most_bytes=100)
    async with trio.open_nursery() as nursery:

        async def receive() -> None:
            with pytest.raises(error):
                await buffer.receive(lambda _: True)

        nursery.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        direct.begin()
        buffer.add(prefix, len(prefix))
        direct.finish()
