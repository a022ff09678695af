"""Many native streams on one server: the memory of an idle one, and the cost of a chunk."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any

import grpc
import psutil

from runtime.wire import StreamResponse

from .grpc_clients import STREAM, audio_chunk, init, server
from .report import Report, median

STREAMS = 500
WARM_UP = 10
CHUNKS_A_SECOND = 50
SECONDS = 5
TURNS = 5
SIZE = 640


async def opened(start: Any) -> Any:
    """Open a stream, and wait until its session is ready."""
    call = start()
    await call.write(init("native"))
    while StreamResponse.parse(await call.read()).ready is None:
        pass
    return call


async def cpu_per_chunk(process: psutil.Process, calls: Sequence[Any], message: bytes) -> float:
    """Send chunks at a steady rate over all streams in turn; return the server's us per chunk."""
    before, began = process.cpu_times(), time.monotonic()
    count = CHUNKS_A_SECOND * SECONDS
    for number in range(count):
        call = calls[number % len(calls)]
        await call.write(message)
        while len(await call.read()) < SIZE:
            pass
        await asyncio.sleep(began + (number + 1) / CHUNKS_A_SECOND - time.monotonic())
    after = process.cpu_times()
    return (after.user + after.system - before.user - before.system) / count * 1e6


async def measure() -> None:
    """Measure one stream and many in turns."""
    message = audio_chunk(SIZE)
    with server("grpc_server") as (port, pid):
        process = psutil.Process(pid)
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            start = channel.stream_stream(STREAM)
            first = [await opened(start) for _ in range(WARM_UP)]
            before, began = process.memory_info().rss, time.perf_counter()
            many = [await opened(start) for _ in range(STREAMS)]
            took = time.perf_counter() - began
            bytes_each = (process.memory_info().rss - before) / STREAMS
            turns = [
                (
                    await cpu_per_chunk(process, first[:1], message),
                    await cpu_per_chunk(process, many, message),
                )
                for _ in range(TURNS)
            ]
    report = Report(
        "grpc_sessions",
        f"{STREAMS} native streams, {CHUNKS_A_SECOND} chunks a second in all",
        ("", "KB each", "ms to open", "CPU us a chunk", "alone, us", "ratio"),
    )
    report.add(
        f"{STREAMS} streams",
        kilobytes=bytes_each / 1024,
        open_ms=took / STREAMS * 1e3,
        cpu_us=median(turn[1] for turn in turns),
        alone_us=median(turn[0] for turn in turns),
        ratio=median(turn[1] / turn[0] for turn in turns),
    )
    report.show()


def main() -> None:
    """Run the measurement."""
    asyncio.run(measure())


if __name__ == "__main__":
    main()
