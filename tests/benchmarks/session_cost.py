"""What one more session costs: memory, the time to open it, processor time per chunk."""

import math
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack

import numpy as np
import psutil
import trio

from actors import Audio
from runtime import Manifest, Runtime, RuntimeConfig, Session, open_runtime
from runtime.config import Executors, Multiprocess, SharedSettings
from tests.log_events import log_events
from tests.session.pipelines import manifest

from .report import Report, median

SESSIONS = 20
CHUNKS = 100
RATE = 16000
CHUNK = RATE // 50  # 20 ms


async def measure() -> None:
    """Measure each pipeline in a runtime of its own, and print a table."""
    report = Report(
        "session_cost",
        f"One session of {SESSIONS}, with chunks of 20 ms",
        ("pipeline", "PSS in MB", "open in ms", "processor us a chunk", "PSS left in MB"),
    )
    for label, pipeline, results, config in pipelines():
        async with open_runtime(config) as runtime:
            await runtime.warm({"native", "multiprocess"})
            await prepare(runtime, pipeline)
            before = pss_bytes()
            opened, held, processor = await cost(runtime, pipeline, results, before)
            left = pss_bytes() - before
        report.add(
            label,
            **{
                "PSS in MB": held / 1e6,
                "open in ms": 1e3 * opened,
                "processor us a chunk": 1e6 * processor,
                "PSS left in MB": left / 1e6,
            },
        )
    report.show()


def pipelines() -> Sequence[tuple[str, Manifest, int, RuntimeConfig]]:
    """Return the pipelines, the results of a chunk, and the settings."""
    plain = RuntimeConfig()
    preload = RuntimeConfig(
        multiprocess=Multiprocess(preload=("SileroVADNode", "PocketSphinxNode"))
    )
    shared = RuntimeConfig(
        executors=Executors(shared=SharedSettings(enabled=True, types=("SileroVADNode",)))
    )
    return [
        ("PassThrough, native", one("PassThrough", "native"), 1, plain),
        ("SileroVADNode, native", one("SileroVADNode", "native"), 2, plain),
        ("PassThrough, process", one("PassThrough", "multiprocess"), 1, plain),
        ("SileroVADNode, process", one("SileroVADNode", "multiprocess"), 2, plain),
        ("SileroVADNode, template", one("SileroVADNode", "multiprocess"), 2, preload),
        ("SileroVADNode, shared host", one("SileroVADNode", "shared"), 2, shared),
        ("PocketSphinxNode, process", one("PocketSphinxNode", "multiprocess"), 0, plain),
        ("PocketSphinxNode, template", one("PocketSphinxNode", "multiprocess"), 0, preload),
    ]


def one(node_type: str, executor: str) -> Manifest:
    return manifest({"node": node_type}, places={"node": executor})


async def prepare(runtime: Runtime, pipeline: Manifest) -> None:
    """Run one session, so that its modules are imported, and there is a template if any."""
    with log_events("millrace.templates") as events:
        async with runtime.open_session(pipeline) as session:
            await session.wait_ready()
        if "template" in runtime.plan(pipeline).nodes[0].reason:
            await events.wait("template_ready")


async def cost(
    runtime: Runtime, pipeline: Manifest, results: int, before: int
) -> tuple[float, float, float]:
    """Return the median seconds to open, the bytes of a session, the processor seconds a chunk.

    Args:
        runtime: has run the pipeline once.
        pipeline: one node.
        results: of a chunk; with 0 the processor time is not known, as nothing tells the end.
        before: PSS without a session.
    """
    times: list[float] = []
    async with AsyncExitStack() as stack:
        sessions = []
        for _ in range(SESSIONS):
            began = time.perf_counter()
            session = await stack.enter_async_context(runtime.open_session(pipeline))
            await session.wait_ready()
            times.append(time.perf_counter() - began)
            sessions.append(session)
        chunk = Audio(np.zeros((CHUNK, 1), np.float32), RATE)
        began = processor_seconds()
        async with trio.open_nursery() as nursery:
            for session in sessions:
                nursery.start_soon(feed, session, chunk, results)
        spent = processor_seconds() - began
        held = (pss_bytes() - before) / SESSIONS
    return median(times), held, spent / (SESSIONS * CHUNKS) if results else math.nan


async def feed(session: Session, chunk: Audio, results: int) -> None:
    """Send the chunks, and take their results."""
    for _ in range(CHUNKS):
        await session.send(chunk)
        for _ in range(results):
            await session.receive()


def processes() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]


def pss_bytes() -> int:
    """Return the proportional memory of this process and all of its descendants."""
    return sum(process.memory_full_info().pss for process in processes())


def processor_seconds() -> float:
    """Return the processor time that this process and its descendants have taken."""
    times = [process.cpu_times() for process in processes()]
    return sum(each.user + each.system for each in times)


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
