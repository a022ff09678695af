"""What a call's frames cost until a reader takes them."""

import tracemalloc

import pytest
import trio

from runtime.service.frames import FrameBuffer
from tests.service.raw_client import frame

COUNT = 100_000
MOST_BYTES = 2**20


async def kept_bytes(body: bytes, frame_bytes: int, padding: int) -> int:
    """Return what the frames of `body` take while a reader waits for the rest of a message."""
    buffer = FrameBuffer(lambda _: None, most_bytes=MOST_BYTES)
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
