"""What traces cost an item: off, one item in 100, and every item.

Processor time counts, of the server with its exporting thread, and of the node processes: another
program of the machine does not change it, and an export is part of it, whenever it happens. The
time of a round trip is beside it.
"""

import time
from contextlib import ExitStack

import numpy as np
import psutil
import trio

from actors import Binary
from runtime import RuntimeConfig, Session, open_runtime
from runtime.config import Tracing
from runtime.wire import AudioBuffer, AudioFormat, DataBuffer, DataChunk, StreamRequest
from tests.session.pipelines import chain

from .grpc_clients import STREAM, EchoStream, server
from .report import Report, median

TURNS = 7
WARM = 200
ROUNDS = 2000
SIZE = 640
# The first is the one that the others are compared with; it is measured twice, for the noise.
INTERVALS = {"off": None, "off again": None, "1 in 100": 100, "every item": 1}
PIPELINES = {
    "9 native nodes": ["native"] * 9,
    "2 node processes": ["multiprocess"] * 2,
}
Turn = tuple[float, float]
"""Microseconds per item: of processor time, and of a round trip."""


def settings(interval: int | None, port: int) -> RuntimeConfig:
    """Return settings that trace one item in `interval`, or nothing."""
    if interval is None:
        return RuntimeConfig()
    endpoint = f"http://127.0.0.1:{port}/v1/traces"
    return RuntimeConfig(tracing=Tracing(endpoint=endpoint, item_interval=interval))


async def round_trips(session: Session, rounds: int) -> None:
    """Send items, one at a time."""
    item = Binary(np.zeros(SIZE, np.uint8))
    for _ in range(rounds):
        await session.send(item)
        await session.receive()


async def pipeline_turn(places: list[str], interval: int | None, port: int) -> Turn:
    """Measure a session, from ready until all its spans are exported."""
    async with (
        open_runtime(settings(interval, port)) as runtime,
        runtime.open_session(chain("PassThrough", places)) as session,
    ):
        await round_trips(session, WARM)
        spent, began = time.process_time(), time.perf_counter()
        await round_trips(session, ROUNDS)
        seconds = time.perf_counter() - began
        await session.close_input()
        async for _ in session:
            pass
        children = 0.0
        if "multiprocess" in places:
            children = sum(node.cpu_seconds for node in session.statistics().values())
    spent = time.process_time() - spent + children
    return spent / ROUNDS * 1e6, seconds / ROUNDS * 1e6


async def measure_pipeline(places: list[str], port: int) -> dict[str, list[Turn]]:
    """Measure one pipeline in turns."""
    turns: dict[str, list[Turn]] = {name: [] for name in INTERVALS}
    for _ in range(TURNS):
        for name, interval in INTERVALS.items():
            turns[name].append(await pipeline_turn(places, interval, port))
    return turns


def numbered_chunks(count: int) -> list[bytes]:
    """Return requests with chunks that are numbered, as a client numbers them."""
    samples = AudioBuffer(
        samples=bytes(SIZE),
        sample_rate=16000,
        channels=1,
        format=AudioFormat.F32,
        num_samples=SIZE // 4,
    )
    buffer = DataBuffer(audio=samples)
    return [
        bytes(StreamRequest(data_chunk=DataChunk(node_id="echo", sequence=number, buffer=buffer)))
        for number in range(count)
    ]


def measure_grpc(port: int) -> dict[str, list[Turn]]:
    """Measure an echo over gRPC through one native node in turns."""
    chunks = numbered_chunks(ROUNDS)
    turns: dict[str, list[Turn]] = {name: [] for name in INTERVALS}
    with ExitStack() as stack:
        streams = {}
        for name, interval in INTERVALS.items():
            arguments = () if interval is None else (str(port), str(interval))
            our_port, pid = stack.enter_context(server("grpc_server", *arguments))
            stream = EchoStream(our_port, STREAM)
            stack.callback(stream.close)
            stream.open_session()
            streams[name] = (stream, psutil.Process(pid))
        spent: dict[str, float] = {}
        trips: dict[str, float] = {}
        for _ in range(TURNS + 1):
            for name, (stream, process) in streams.items():
                # From the beginning of one turn to that of the next, with what it exports between.
                now = sum(process.cpu_times()[:2])
                if name in spent:
                    turns[name].append(((now - spent[name]) / ROUNDS * 1e6, trips[name]))
                spent[name] = now
                trips[name] = sum(stream.round_trip(chunk, SIZE) for chunk in chunks) / ROUNDS
    return turns


def main() -> None:
    """Run the measurement."""
    columns = ("", "CPU us", "round trip us", "CPU / off", "round trip / off")
    report = Report("tracing", f"An item of {SIZE} B, traced", columns)
    with server("collector") as (port, _):
        found = {
            name: trio.run(measure_pipeline, places, port) for name, places in PIPELINES.items()
        }
        found["gRPC, 1 native node"] = measure_grpc(port)
    for title, turns in found.items():
        for name, own in turns.items():
            pairs = list(zip(own, turns["off"], strict=True))
            report.add(
                f"{title}: {name}",
                cpu=median(cpu for cpu, _ in own),
                trip=median(trip for _, trip in own),
                cpu_ratio=median(one[0] / off[0] for one, off in pairs),
                trip_ratio=median(one[1] / off[1] for one, off in pairs),
            )
    report.show()


if __name__ == "__main__":
    main()
