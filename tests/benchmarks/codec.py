"""A request and a response with one audio payload: the codec, betterproto2's own, and protobuf."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from runtime.wire import (
    AudioBuffer,
    AudioFormat,
    ChunkResult,
    DataBuffer,
    DataChunk,
    StreamRequest,
    StreamResponse,
    descriptor_set,
)
from runtime.wire.codec import Codec

from .report import print_table

SIZES: Final = {"640 B": 640, "64 KB": 64 * 1024, "1 MB": 1024 * 1024}
ROUNDS: Final = 100
CALLS_PER_TURN: Final = 20
"""Long enough that neither the clock nor the caches of the previous codec matter."""

Operation = Callable[[], object]


def audio(size: int) -> DataBuffer:
    """Return `size` bytes of 16 kHz mono."""
    return DataBuffer(
        audio=AudioBuffer(
            samples=os.urandom(size),
            sample_rate=16_000,
            channels=1,
            format=AudioFormat.F32,
            num_samples=size // 4,
        )
    )


def messages(size: int) -> dict[str, StreamRequest | StreamResponse]:
    """Return the request and the response of one chunk."""
    chunk = DataChunk(
        node_id="echo", buffer=audio(size), sequence=300, timestamp_ms=1_700_000_000_000
    )
    result = ChunkResult(
        sequence=300,
        data_outputs={"echo": audio(size)},
        processing_time_ms=1.25,
        total_items_processed=301,
    )
    return {"request": StreamRequest(data_chunk=chunk), "response": StreamResponse(result=result)}


def official_classes() -> dict[str, Any]:
    """Return protobuf's own classes of both messages."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file:
        pool.Add(file)
    return {
        name: message_factory.GetMessageClass(
            pool.FindMessageTypeByName(f"remotemedia.v1.Stream{name.title()}")
        )
        for name in ("request", "response")
    }


def contenders(name: str, message: Any) -> Iterator[tuple[str, dict[str, Operation]]]:
    """Yield each measurement of a message, with one function per codec."""
    codec = Codec(StreamRequest, StreamResponse)
    ours, theirs, data = type(message), official_classes()[name], bytes(message)
    official = theirs.FromString(data)
    assert codec.encode(message) == data == official.SerializeToString()
    yield (
        f"decode {name}",
        {
            "betterproto2": lambda: ours.parse(data),
            "codec": lambda: codec.decode(data, ours),
            "protobuf": lambda: theirs.FromString(data),
        },
    )
    yield (
        f"encode {name}",
        {
            "betterproto2": lambda: bytes(message),
            "codec": lambda: codec.encode_prefixed(message),
            "buffers": lambda: codec.encode_prefixed_buffers(message),
            "protobuf": official.SerializeToString,
        },
    )


def seconds_per_call(operation: Operation) -> float:
    """Return the duration of one call, averaged over a turn."""
    began = time.perf_counter()
    for _ in range(CALLS_PER_TURN):
        operation()
    return (time.perf_counter() - began) / CALLS_PER_TURN


def measure(operations: dict[str, Operation]) -> dict[str, float]:
    """Return each codec's median in microseconds; they take turns."""
    times: dict[str, list[float]] = {name: [] for name in operations}
    for _ in range(ROUNDS):
        for name, operation in operations.items():
            times[name].append(1e6 * seconds_per_call(operation))
    return {name: statistics.median(taken) for name, taken in times.items()}


def row(what: str, size: str, median: dict[str, float]) -> tuple[str, ...]:
    """Return a row of the table: times, and the speed-up of our codec."""

    def against(name: str) -> str:
        if name not in median:
            return ""
        return f"{median[name]:.1f} ({median['betterproto2'] / median[name]:.1f} x)"

    library, official = f"{median['betterproto2']:.0f}", f"{median['protobuf']:.1f}"
    return what, size, library, against("codec"), against("buffers"), official


def main() -> None:
    """Measure every message and size, and print a table."""
    rows = [
        row(what, label, measure(operations))
        for label, size in SIZES.items()
        for name, message in messages(size).items()
        for what, operations in contenders(name, message)
    ]
    print_table(
        "One audio payload, microseconds; in brackets, how much faster than betterproto2",
        ("message", "size", "betterproto2", "codec", "in buffers", "protobuf (C)"),
        rows,
    )
