"""`send` and `receive` of an application on asyncio or uvloop, against one on trio."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import trio
import uvloop

from actors import Text
from runtime import RuntimeConfig, Session, aio, open_runtime
from tests.session.pipelines import chain

from .interleaved import COLUMNS, Batch, add_rows, in_turns
from .report import Report

TURNS = 7
ROUNDS = 500
FLOOR = "trio"
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.SelectorEventLoop,
    "uvloop": uvloop.Loop,
}
PLACES = {"native node": "native", "node process": "multiprocess"}


async def round_trips(session: Session | aio.Session) -> list[float]:
    """Return the times of round trips, in microseconds."""
    await session.wait_ready()
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await session.send(Text("x"))
        await session.receive()
        times.append(1e6 * (time.perf_counter() - began))
    return times


async def on_trio(place: str) -> list[float]:
    """Measure an application on trio."""
    async with (
        open_runtime(RuntimeConfig()) as runtime,
        runtime.open_session(chain("PassThrough", [place])) as session,
    ):
        return await round_trips(session)


async def on_asyncio(place: str) -> list[float]:
    """Measure an application on asyncio."""
    async with (
        aio.open_runtime(RuntimeConfig()) as runtime,
        runtime.open_session(chain("PassThrough", [place])) as session,
    ):
        return await round_trips(session)


def in_loop(factory: Callable[[], asyncio.AbstractEventLoop], place: str) -> Batch:
    """Return a batch that runs in an asyncio loop of its own, in a thread."""

    def run() -> list[float]:
        with asyncio.Runner(loop_factory=factory) as runner:
            return runner.run(on_asyncio(place))

    def batch() -> Awaitable[list[float]]:
        return trio.to_thread.run_sync(run)

    return batch


async def measure() -> None:
    """Measure in turns."""
    for title, place in PLACES.items():
        batches: dict[str, Batch] = {FLOOR: partial(on_trio, place)}
        batches |= {name: in_loop(factory, place) for name, factory in LOOPS.items()}
        times = await in_turns(batches, TURNS)
        name = f"asyncio_calls_{place}"
        report = Report(name, f"send and receive through one {title}", COLUMNS)
        add_rows(report, times, FLOOR)
        report.show()


def main() -> None:
    """Run the measurement."""
    trio.run(measure)
