"""Recording all links of a voice pipeline: processor time, and the delay that it adds."""

import resource
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import trio

from actors import Audio
from runtime import Session, manifest_from, open_runtime
from runtime.recording import record

from .report import Report, median, p99

TURNS = 8
CHUNKS = 500
CHUNK_SECONDS = 0.02
SESSIONS = 4
RATE = 16_000
# Different chunks: one that comes again and again would compress to nothing.
SPOKEN = 50
VOICE = manifest_from(
    {
        "version": "v1",
        "metadata": {
            "name": "voice",
            "multiprocess": {"executor_overrides": {"resample": "native", "vad": "multiprocess"}},
        },
        "nodes": [
            {"id": "resample", "node_type": "FastResampleNode", "params": {"target_rate": RATE}},
            {"id": "chunk", "node_type": "AudioChunkerNode", "params": {"chunk_size": 512}},
            {"id": "vad", "node_type": "SileroVADNode"},
        ],
        "connections": [
            {"from": "resample", "to": "chunk"},
            {"from": "chunk", "to": "vad"},
        ],
    }
)


async def speak(session: Session) -> list[float]:
    """Send chunks at real time; return the latencies of the results, in milliseconds."""
    noise = np.random.default_rng(1).normal(0, 0.1, (SPOKEN, int(48_000 * CHUNK_SECONDS)))
    chunks = [Audio(each, 48_000) for each in noise.astype(np.float32)]
    latencies: list[float] = []

    async def receive() -> None:
        latencies.extend([1000 * result.latency_seconds async for result in session])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        began = trio.current_time()
        for number in range(CHUNKS):
            await trio.sleep_until(began + number * CHUNK_SECONDS)
            await session.send(chunks[number % SPOKEN])
        await session.close_input()
    return latencies


async def measured(folder: Path | None) -> tuple[float, list[float]]:
    """Return the processor seconds per second of speech, and the latencies in milliseconds."""
    latencies: list[float] = []
    before = time.process_time() + _children_seconds()
    async with open_runtime() as runtime, AsyncExitStack() as stack:
        sessions = [
            await stack.enter_async_context(runtime.open_session(VOICE)) for _ in range(SESSIONS)
        ]
        for number, session in enumerate(sessions):
            if folder is not None:
                await stack.enter_async_context(record(session, folder / f"{number}.mcap"))

        async def run(session: Session) -> None:
            latencies.extend(await speak(session))

        async with trio.open_nursery() as nursery:
            for session in sessions:
                nursery.start_soon(run, session)
    seconds = time.process_time() + _children_seconds() - before
    return seconds / (SESSIONS * CHUNKS * CHUNK_SECONDS), latencies


def _children_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


async def measure() -> None:
    """Measure in turns, without and with a recording, each first in every other turn.

    The ratio and the added delay are medians over the turns, whose two halves are neighbours.
    """
    rows: dict[str, list[tuple[float, list[float]]]] = {"not recorded": [], "recorded": []}
    with tempfile.TemporaryDirectory() as name:
        folders = {"not recorded": None, "recorded": Path(name)}
        for turn in range(TURNS):
            for row in sorted(folders, reverse=turn % 2 == 1):
                rows[row].append(await measured(folders[row]))
    columns = ("", "CPU ms / s", "p50 ms", "p99 ms", "CPU ratio", "added p50 ms", "added p99 ms")
    report = Report("recording", f"{SESSIONS} voice sessions in real time", columns)
    for name, turns in rows.items():
        pairs = list(zip(turns, rows["not recorded"], strict=True))
        report.add(
            name,
            cpu=1000 * median([cpu for cpu, _ in turns]),
            p50=median([median(latencies) for _, latencies in turns]),
            p99=median([p99(latencies) for _, latencies in turns]),
            ratio=median([own / base for (own, _), (base, _) in pairs]),
            added_p50=median([median(own) - median(base) for (_, own), (_, base) in pairs]),
            added_p99=median([p99(own) - p99(base) for (_, own), (_, base) in pairs]),
        )
    report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
