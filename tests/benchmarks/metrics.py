"""Hops and gRPC echo with the metrics port on and scraped once a second, against without it.

Processor times of the server's process, beside times of the clock: other load on the machine
affects them less. They have the cost of the scrapes.
"""

import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import NamedTuple

import psutil
import trio

from runtime import Runtime, open_runtime
from runtime.config import Http
from runtime.http import open_http_server
from tests.session.pipelines import chain

from .child_round_trip import round_trips
from .grpc_clients import STREAM, EchoStream, audio_chunk, server
from .interleaved import Batch
from .report import Report, median

TURNS = 13
# Several scrapes in each turn.
TURN_SECONDS = 2.0
SIZE = 640
ROUNDS = 200
ECHOES = 3000
TOKEN = "benchmark"
LENGTH = re.compile(rb"content-length: (\d+)")
PERIOD_SECONDS = 1.0
HTTP = Http(enabled=True, bind_address="127.0.0.1:0")
PIPELINES = {
    "9 native nodes": ["native"] * 9,
    "1 node process": ["multiprocess"],
    "3 node processes": ["multiprocess"] * 3,
}


@asynccontextmanager
async def scraped(runtime: Runtime) -> AsyncIterator[None]:
    """Open the port, and have it scraped."""
    environment = {"MILLRACE_HTTP_TOKENS": TOKEN}
    ready = open_http_server(HTTP, runtime.metrics, lambda: True, environment=environment)
    async with ready as port, trio.open_nursery() as nursery:
        assert port is not None
        nursery.start_soon(scrape, port.address.port)
        yield
        nursery.cancel_scope.cancel()


async def scrape(port: int) -> None:
    """Scrape once a second until cancelled; here, since starting a process would disturb more."""
    lines = "GET /metrics HTTP/1.1", "Host: x", f"Authorization: Bearer {TOKEN}", "", ""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        while True:
            await stream.send_all("\r\n".join(lines).encode())
            received, length = b"", 0
            while not length or len(received) < length:
                received += await stream.receive_some()
                head, end, _ = received.partition(b"\r\n\r\n")
                if end:
                    length = len(head) + len(end) + int(LENGTH.findall(head)[0])
            await trio.sleep(PERIOD_SECONDS)


class Turn(NamedTuple):
    """The result of one turn, for a round trip, in microseconds.

    Attributes:
        clock: the median.
        processor: the mean of the server's process.
    """

    clock: float
    processor: float


async def one_turn(batch: Batch) -> Turn:
    """Run batches for some seconds."""
    times: list[float] = []
    until, before = time.perf_counter() + TURN_SECONDS, time.process_time()
    count = 0
    while time.perf_counter() < until:
        times += await batch()
        count += ROUNDS
    return Turn(median(times), 1e6 * (time.process_time() - before) / count)


async def compared(
    without: Callable[[], Awaitable[Turn]], on: Callable[[], Awaitable[Turn]]
) -> tuple[list[Turn], list[Turn]]:
    """Measure both in turns, the order reversed each time."""
    off_turns: list[Turn] = []
    on_turns: list[Turn] = []
    for turn in range(TURNS):
        for measure, turns in ((without, off_turns), (on, on_turns))[:: 1 if turn % 2 else -1]:
            turns.append(await measure())
    return off_turns, on_turns


def add(report: Report, name: str, off: list[Turn], on: list[Turn]) -> None:
    """Add a row."""
    report.add(
        name,
        off=median(each.clock for each in off),
        on=median(each.clock for each in on),
        ratio=median(each.clock / base.clock for base, each in zip(off, on, strict=True)),
        off_processor=median(each.processor for each in off),
        on_processor=median(each.processor for each in on),
        processor_ratio=median(each.processor for each in on)
        / median(each.processor for each in off),
    )


async def measure(report: Report) -> None:
    """Measure the hops."""
    async with open_runtime() as runtime, AsyncExitStack() as stack:
        for name, places in PIPELINES.items():
            opened = runtime.open_session(chain("PassThrough", places))
            session = await stack.enter_async_context(opened)
            await session.wait_ready()
            batch = round_trips(session, SIZE, ROUNDS)

            async def without(batch: Batch = batch) -> Turn:
                return await one_turn(batch)

            async def on(batch: Batch = batch) -> Turn:
                async with scraped(runtime):
                    return await one_turn(batch)

            add(report, name, *await compared(without, on))


def echo(report: Report) -> None:
    """Measure an echo over gRPC: of a server with the port and one without it."""
    message = audio_chunk(SIZE)
    with server("grpc_server") as off_server, server("metrics_server") as on_server:
        turns: dict[int, list[Turn]] = {}
        streams: list[tuple[EchoStream, int]] = []
        for port, process in (off_server, on_server):
            streams.append((EchoStream(port, STREAM), process))
            streams[-1][0].open_session()
            turns[process] = []
        for turn in range(TURNS):
            for stream, process in streams[:: 1 if turn % 2 else -1]:
                before = _processor_seconds(process)
                trips = [stream.round_trip(message, SIZE) for _ in range(ECHOES)]
                seconds = _processor_seconds(process) - before
                turns[process].append(Turn(median(trips), 1e6 * seconds / ECHOES))
        for stream, _ in streams:
            stream.close()
    add(report, "gRPC echo, 640 B", *turns.values())


def _processor_seconds(process: int) -> float:
    usage = psutil.Process(process).cpu_times()
    return usage.user + usage.system


def main() -> None:
    """Run the measurement."""
    report = Report(
        "metrics",
        "A round trip with metrics on, scraped once a second",
        ("", "off us", "on us", "on / off", "off CPU us", "on CPU us", "on / off"),
    )
    trio.run(measure, report)
    echo(report)
    report.show()
