"""Items: order, every kind, sizes, backpressure, drops, fan-out."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import trio

from actors import (
    Audio,
    Binary,
    Bundle,
    Data,
    File,
    Json,
    NumpyArray,
    PixelFormat,
    Tensor,
    Text,
    Video,
    VideoCodec,
)

from .subject import Subject, require, run_through

_ROWS: Final = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
_ITEMS: Final[Sequence[Data]] = (
    Audio(_ROWS.reshape(-1, 2), 16_000),
    Audio(_ROWS.reshape(-1, 2).astype(np.int16)[::3], 44_100, b'{"a": 1}', metadata={"é": "ü"}),
    Audio(np.zeros((0, 1), np.float32), 8_000),
    Video(np.arange(18, dtype=np.uint8), 3, 2, frame_number=5, timestamp_us=2**40),
    Video(np.arange(99, dtype=np.uint8), 640, 480, PixelFormat.ENCODED, 1, 2, VideoCodec.AV1),
    Tensor(_ROWS.astype(np.float16), "NCHW"),
    Tensor(np.array(3, np.float32)),
    NumpyArray(_ROWS.transpose(2, 0, 1)[::-2]),
    NumpyArray(np.asfortranarray(_ROWS.reshape(12, 5))),
    NumpyArray(np.array(["abc", "水"])),
    NumpyArray(np.zeros((0, 3), np.int64)),
    Json({"a": [1, 2.5, None, True, "ü"]}, "schema", metadata={"x": "y"}),
    Json.from_text('{"kept":   "as it was"}'),
    Text(""),
    Text("fließend 水 🎈", "de-DE", "ui", "utf-8", metadata={"a": ""}),
    Binary(b""),
    Binary(bytes(range(256)) * 10, "image/png"),
)
_PASSING: Final[tuple[str, dict[str, object]]] = ("PassThrough", {})
_SIZES: Final = (0, 1, 63, 64, 4096, 16 * 1024, 64 * 1024 + 1, 10**6, 3, 5 * 10**6, 0)


async def items_of_every_kind_arrive_bit_for_bit(subject: Subject) -> None:
    """Between nodes of the executor, and to and from native ones and node processes."""
    items = [*_ITEMS, Bundle({f"p{n}": item for n, item in enumerate(_ITEMS)}, metadata={"k": "v"})]
    x = subject.name
    for places in ([x, x], ["native", x, "native"], [x, "multiprocess", x]):
        async with subject.chain(places) as session:
            results = await run_through(session, items)
        wrong = [
            f"{sent.kind.value} {number}"
            for number, (sent, result) in enumerate(zip(items, results, strict=False))
            if result.data != sent or result.sequence != number
        ]
        require(len(results) == len(items), f"{places}: {len(results)} of {len(items)} came")
        require(not wrong, f"{places}: these changed: {', '.join(wrong)}")


async def items_of_every_size_arrive(subject: Subject) -> None:
    """From nothing to 5 MB, in order."""
    items = [Binary(np.random.default_rng(7).bytes(size)) for size in _SIZES]
    async with subject.chain([subject.name, subject.name]) as session:
        results = await run_through(session, items)
    require([result.data for result in results] == items, "an item changed")


async def items_keep_their_order(subject: Subject) -> None:
    """Of many small ones, with their sequence and timestamp."""
    count = 500
    async with subject.chain([subject.name, subject.name], channel_capacity=7) as session:

        async def send() -> None:
            for number in range(count):
                await session.send(Json(number), timestamp_ms=1000 + number)
            await session.close_input()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            results = [result async for result in session]
    found = [(result.sequence, result.timestamp_ms, result.data) for result in results]
    expected = [(number, 1000 + number, Json(number)) for number in range(count)]
    require(found == expected, "items are missing, out of order, or lost their marks")


async def a_slow_node_slows_its_producer_down(subject: Subject) -> None:
    """The sender waits while the link is full, and nothing is lost."""
    count, capacity = 40, 4
    sent = 0
    nodes = {"n0": ("Probe", {"process_seconds": 0.01})}
    async with subject.open(nodes, channel_capacity=capacity) as session:
        most = 0
        received = 0

        async def send() -> None:
            nonlocal sent, most
            for number in range(count):
                await session.send(Json(number))
                sent += 1
                most = max(most, sent - received)
            await session.close_input()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            async for _ in session:
                received += 1
    # Two links, a third to another host, and what the node and the sender have in their hands.
    links = 3 if subject.host else 2
    require(most <= links * capacity + 4, f"{most} items were accepted beyond {received}")
    require(received == count, f"{received} of {count} items came")


async def without_backpressure_old_items_are_dropped_and_counted(subject: Subject) -> None:
    """The newest item arrives, the order holds, and every item is accounted for."""
    count = 200
    nodes = {"n0": ("Probe", {"process_seconds": 0.002})}
    async with subject.open(nodes, channel_capacity=4, enable_backpressure=False) as session:
        results = await run_through(session, [Json(number) for number in range(count)])
        dropped = session.dropped()
    numbers = [result.sequence for result in results]
    require(numbers == sorted(set(numbers)), "items are out of order, or came twice")
    require(bool(numbers) and numbers[-1] == count - 1, "the newest item did not come")
    require(len(numbers) + dropped == count, f"{len(numbers)} came, {dropped} dropped, of {count}")


async def every_reader_gets_every_item(subject: Subject) -> None:
    """Readers of the executor, native ones and node processes, of one producer."""
    x, count = subject.name, 50
    nodes = dict.fromkeys(("a", "b", "c", "d"), _PASSING)
    places = {"a": x, "b": x, "c": "native", "d": "multiprocess"}
    connections = ["a > b", "a > c", "a > d"]
    async with subject.open(nodes, connections, places) as session:
        results = await run_through(session, [Json(number) for number in range(count)])
    for node in ("b", "c", "d"):
        found = [result.sequence for result in results if result.node_id == node]
        require(found == list(range(count)), f"{node} got {len(found)} of {count} in order")


async def a_node_reads_several_producers(subject: Subject) -> None:
    """Items of all of them arrive, each producer's in order."""
    x, count = subject.name, 50
    nodes = dict.fromkeys(("a", "b", "c", "d"), _PASSING)
    places = {"a": x, "b": "native", "c": "multiprocess", "d": x}
    async with subject.open(nodes, ["a > d", "b > d", "c > d"], places) as session:
        results = await run_through(session, [Json(number) for number in range(count)])
    sequences = sorted(result.sequence for result in results)
    require(sequences == sorted(3 * list(range(count))), f"{len(results)} of {3 * count} came")


async def a_source_generates_items(subject: Subject) -> None:
    """And its stream ends by itself."""
    async with subject.open({"n0": ("Counter", {"items": 30})}) as session:
        results = [result.data async for result in session]
    require(results == [Json(number) for number in range(30)], "items are missing")


async def files_are_named_and_not_copied(subject: Subject) -> None:
    """A file item goes on as it is."""
    item = File("/etc/hostname", "f", "a/b", 2**40, 3, 4, "s")
    async with subject.chain([subject.name]) as session:
        (result,) = await run_through(session, [item])
    require(result.data == item, "it changed")


CHECKS: Final = (
    items_of_every_kind_arrive_bit_for_bit,
    items_of_every_size_arrive,
    items_keep_their_order,
    a_slow_node_slows_its_producer_down,
    without_backpressure_old_items_are_dropped_and_counted,
    every_reader_gets_every_item,
    a_node_reads_several_producers,
    a_source_generates_items,
    files_are_named_and_not_copied,
)
