"""Pictures of the cost of a hop by payload size, pipeline length, fan-out and sessions.

They need matplotlib: `pip install -e ".[benchmarks]"`. The pictures are written to docs/benchmarks.
"""

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np
import trio

from actors import Binary
from runtime import Manifest, Runtime, RuntimeConfig, Session, open_runtime
from runtime.config import Limits
from tests.session.pipelines import chain, manifest

from .interleaved import in_turns, script
from .report import Report, machine, median

FOLDER: Final = Path("docs/benchmarks")
ROUNDS: Final = 60
LARGE_ROUNDS: Final = 15
PASSES: Final = 3
PAYLOADS: Final = [640, 4096, 2**14, 2**16, 2**18, 2**20, 2**22, 10 * 2**20]
LENGTHS: Final = [1, 2, 3, 4, 6, 8]
READERS: Final = [1, 2, 3, 4, 6, 8]
SESSIONS: Final = [1, 10, 50, 100, 200, 500]
FRAME: Final = 640

Lines = Mapping[str, Sequence[float]]
"""For each line of a picture, a figure per place on the x axis."""


async def one_by_one(runtime: Runtime, pipeline: Manifest, size: int, results: int = 1) -> float:
    """Return the microseconds of one item through a pipeline, the median of many."""
    item = Binary(np.zeros(size, np.uint8))
    times = []
    async with runtime.open_session(pipeline) as session:
        await session.wait_ready()
        for _ in range(rounds_of(size)):
            began = time.perf_counter()
            await session.send(item)
            for _ in range(results):
                await session.receive()
            times.append(1e6 * (time.perf_counter() - began))
    return median(times[len(times) // 10 :])


def rounds_of(size: int) -> int:
    """Return how often a size is measured."""
    return ROUNDS if size < 2**20 else LARGE_ROUNDS


async def by_payload(runtime: Runtime) -> Lines:
    """Round trips of one item, by its size."""
    measure = partial(one_by_one, runtime)
    lines: dict[str, list[float]] = {
        name: [await measure(chain("PassThrough", places), size) for size in PAYLOADS]
        for name, places in {
            "1 native node": ["native"],
            "1 child": ["multiprocess"],
            "3 children": ["multiprocess"] * 3,
        }.items()
    }
    queues = {
        str(size): script("rivals.multiprocessing_queues", size, rounds_of(size))
        for size in PAYLOADS
    }
    times = await in_turns(queues, 1)
    lines["3 processes, multiprocessing queues"] = [median(turns[0]) for turns in times.values()]
    return lines


async def by_length(runtime: Runtime) -> Lines:
    """Round trips through chains, by the number of nodes."""
    return {
        f"{place} nodes, {label}": [
            await one_by_one(runtime, chain("PassThrough", [place] * length), size)
            for length in LENGTHS
        ]
        for place in ("native", "multiprocess")
        for label, size in {"640 B": FRAME, "1 MB": 2**20}.items()
    }


async def by_readers(runtime: Runtime) -> Lines:
    """One producer and many readers: until the last reader has reported the item."""
    lines: dict[str, list[float]] = {}
    for place in ("native", "multiprocess"):
        for label, size in {"640 B": FRAME, "10 MB": 10 * 2**20}.items():
            lines[f"{place} readers, {label}"] = [
                await one_by_one(runtime, fan_out(count, place), size, count) for count in READERS
            ]
    return lines


def fan_out(readers: int, place: str) -> Manifest:
    """Return a pipeline of one native producer and its readers."""
    names = [f"reader{n}" for n in range(readers)]
    return manifest(
        {"producer": "PassThrough", **dict.fromkeys(names, "Age")},
        [f"producer > {name}" for name in names],
        places=dict.fromkeys(names, place),
    )


async def by_sessions(runtime: Runtime) -> Lines:
    """Processor time per chunk of native sessions that run side by side."""
    per_chunk = []
    for count in SESSIONS:
        chunks = max(1, 2000 // count)
        async with trio.open_nursery() as nursery:
            done = trio.Event()
            sessions = [await nursery.start(one_session, runtime, done) for _ in range(count)]
            began = time.process_time()
            async with trio.open_nursery() as senders:
                for session in sessions:
                    senders.start_soon(pass_through, session, chunks)
            per_chunk.append(1e6 * (time.process_time() - began) / (count * chunks))
            done.set()
    return {"one native node, 640 B": per_chunk}


async def one_session(
    runtime: Runtime,
    done: trio.Event,
    task_status: trio.TaskStatus[Session] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Keep a session open."""
    async with runtime.open_session(chain("PassThrough", ["native"])) as session:
        await session.wait_ready()
        task_status.started(session)
        await done.wait()


async def pass_through(session: Session, chunks: int) -> None:
    """Send and receive this many chunks."""
    item = Binary(np.zeros(FRAME, np.uint8))
    for _ in range(chunks):
        await session.send(item)
        await session.receive()


PICTURES: Final = {
    "payload": (by_payload, PAYLOADS, "payload in bytes", "round trip in microseconds"),
    "length": (by_length, LENGTHS, "nodes in a row", "round trip in microseconds"),
    "fan_out": (by_readers, READERS, "readers", "until all have answered, in microseconds"),
    "sessions": (by_sessions, SESSIONS, "sessions", "processor time per chunk in microseconds"),
}


def draw(name: str, title: str, axis: Sequence[int], labels: tuple[str, str], lines: Lines) -> None:
    """Draw one picture."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    for (label, figures), marker in zip(lines.items(), "osD^v", strict=False):
        axes.plot(axis, figures, marker=marker, label=label)
    if max(axis) >= 100:
        axes.set_xscale("log")
    if name in ("payload", "length", "fan_out"):
        axes.set_yscale("log")
    else:
        axes.set_ylim(bottom=0)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title)
    axes.grid(visible=True, which="major", alpha=0.3)
    axes.legend()
    note = f"{machine()}, least of {PASSES} passes"
    figure.text(0.995, 0.005, note, ha="right", va="bottom", fontsize=6, color="gray")
    FOLDER.mkdir(parents=True, exist_ok=True)
    figure.savefig(FOLDER / f"{name}.png", dpi=110)
    plt.close(figure)


def least(passes: Sequence[Lines]) -> Lines:
    """Return the minimum of several passes for each place, since other load only adds time."""
    return {
        label: [min(figures) for figures in zip(*(lines[label] for lines in passes), strict=True)]
        for label in passes[0]
    }


async def measure() -> None:
    """Measure and draw everything."""
    from .specimens import SPECIMENS

    config = RuntimeConfig(limits=Limits(max_sessions=max(SESSIONS)))
    async with open_runtime(config, node_types=SPECIMENS) as runtime:
        await runtime.warm()
        for name, (curves, axis, along, upwards) in PICTURES.items():
            lines = least([await curves(runtime) for _ in range(PASSES)])
            title = (curves.__doc__ or "").strip().rstrip(".")
            draw(name, title, axis, (along, upwards), lines)
            report = Report(f"plot_{name}", title, (upwards, *map(str, axis)))
            for label, figures in lines.items():
                report.add(label, **{str(x): y for x, y in zip(axis, figures, strict=True)})
            report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
