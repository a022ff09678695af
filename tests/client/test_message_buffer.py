"""The client's end of a call's message buffer: it reads on asyncio, and takes what is here."""

import asyncio

import pytest

from runtime.client.asyncio_waiter import AsyncioWaiter
from runtime.wire import MessageBuffer


def prefixed(body: bytes) -> bytes:
    return b"\0" + len(body).to_bytes(4, "big") + body


def buffer() -> MessageBuffer:
    return MessageBuffer(AsyncioWaiter(), lambda _: None, most_bytes=2**23)


@pytest.mark.parametrize("size", [0, 100, 3_000_000])
def test_a_message_is_taken_once_all_of_it_is_here(size: int) -> None:
    body, messages = bytes(size), buffer()
    whole = prefixed(body)
    for byte_count in (3, len(whole) - 4):
        messages.add(whole[:byte_count], byte_count)
        assert messages.take() is None
        whole = whole[byte_count:]
    messages.add(whole, len(whole))
    message = messages.take()
    assert message is not None
    assert bytes(message) == body
    assert messages.take() is None


@pytest.mark.parametrize("size", [100, 3_000_000])
def test_what_a_cancelled_read_has_gathered_is_taken_by_the_next(size: int) -> None:
    body = bytes(range(250)) * (size // 250) + bytes(size % 250)
    whole = prefixed(body)

    async def main() -> tuple[bytes, bytes]:
        messages = buffer()
        for _ in range(2):
            messages.add(whole[: len(whole) // 2], len(whole) // 2)
            reader = asyncio.create_task(messages.receive())
            await asyncio.sleep(0.01)
            reader.cancel()
            await asyncio.wait([reader])
            rest = whole[len(whole) // 2 :]
            messages.add(rest, len(rest))
            if _ == 0:
                taken = messages.take()
        received = await messages.receive()
        assert taken is not None
        assert received is not None
        return bytes(taken), bytes(received)

    assert asyncio.run(main()) == (body, body)


def test_a_reader_wakes_when_its_message_is_complete_or_the_stream_ends() -> None:
    async def main() -> list[object]:
        messages = buffer()
        reader = asyncio.create_task(messages.receive())
        await asyncio.sleep(0)
        messages.add(prefixed(b"ab")[:6], 6)
        await asyncio.sleep(0)
        assert not reader.done()
        messages.add(b"b", 1)
        first = await reader
        reader = asyncio.create_task(messages.receive())
        await asyncio.sleep(0)
        messages.eof()
        return [first, await reader]

    assert asyncio.run(main()) == [b"ab", None]
