"""A batched host beside processes of their own: sessions of a model node in real time, in turns."""

import time
from contextlib import AsyncExitStack

import numpy as np
import trio

from actors import Audio
from runtime import Runtime, RuntimeConfig, Session, open_runtime
from runtime.config import Executors, Limits, SharedSettings

from .report import Report, median, p99
from .session_cost import one, processor_seconds, pss_bytes

SESSIONS = 40
RATE = 16000
CHUNK = 512  # one window of the model, 32 ms
PERIOD = CHUNK / RATE
CHUNKS = 120
ROUNDS = 3


async def measure() -> None:
    """Measure own processes, and hosts with and without a window, and print a table."""
    report = Report(
        "shared_host",
        f"{SESSIONS} sessions of SileroVADNode, a chunk of 32 ms each in real time",
        ("where", "PSS in MB", "open in ms", "processor us a chunk", "p50 ms", "p99 ms"),
    )
    figures: dict[str, list[tuple[float, float, float, list[float]]]] = {}
    for _ in range(ROUNDS):
        for label, executor, wait_ms in (
            ("own processes", "multiprocess", 0.0),
            ("host, no window", "shared", 0.0),
            ("host, 4 ms", "shared", 4.0),
        ):
            figures.setdefault(label, []).append(await cost(executor, wait_ms))
    for label, rounds in figures.items():
        late = [each for *_, times in rounds for each in times]
        report.add(
            label,
            **{
                "PSS in MB": median([held for held, *_ in rounds]) / 1e6,
                "open in ms": 1e3 * median([opened for _, opened, _, _ in rounds]),
                "processor us a chunk": 1e6 * median([spent for _, _, spent, _ in rounds]),
                "p50 ms": 1e3 * median(late),
                "p99 ms": 1e3 * median([p99(times) for *_, times in rounds]),
            },
        )
    report.show()


async def cost(executor: str, wait_ms: float) -> tuple[float, float, float, list[float]]:
    """Return the bytes and seconds to open of a session, the processor seconds and latencies."""
    shared = SharedSettings(enabled=True, types=("SileroVADNode",), batch_wait_ms=wait_ms)
    config = RuntimeConfig(executors=Executors(shared=shared), limits=Limits(max_sessions=SESSIONS))
    pipeline = one("SileroVADNode", executor)
    async with open_runtime(config) as runtime, AsyncExitStack() as stack:
        await runtime.warm({"multiprocess", executor})
        # One session of each stays, so that the host is there, and what all share is counted once.
        await opened(runtime, pipeline, stack)
        before = pss_bytes()
        sessions, times = [], []
        for _ in range(SESSIONS - 1):
            began = time.perf_counter()
            sessions.append(await opened(runtime, pipeline, stack))
            times.append(time.perf_counter() - began)
        latencies: list[float] = []
        spent = processor_seconds()
        async with trio.open_nursery() as nursery:
            start = trio.current_time() + PERIOD
            for number, session in enumerate(sessions):
                first = start + PERIOD * number / len(sessions)
                nursery.start_soon(talk, session, first, latencies)
        spent = processor_seconds() - spent
        held = (pss_bytes() - before) / len(sessions)
    return held, median(times), spent / (len(sessions) * CHUNKS), latencies


async def opened(runtime: Runtime, pipeline: object, stack: AsyncExitStack) -> Session:
    """Return a session that is ready, and open until the stack is left."""
    session = await stack.enter_async_context(runtime.open_session(pipeline))  # type: ignore[arg-type]
    await session.wait_ready()
    return session


async def talk(session: Session, first: float, latencies: list[float]) -> None:
    """Send a chunk each period, and measure until its event is here."""
    chunk = Audio(np.zeros((CHUNK, 1), np.float32), RATE)
    for number in range(CHUNKS):
        due = first + number * PERIOD
        await trio.sleep_until(due)
        await session.send(chunk)
        for _ in range(2):  # the event, and the chunk
            await session.receive()
        latencies.append(trio.current_time() - due)


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
