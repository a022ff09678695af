"""Nodes on a Ray cluster of two machines: round trips, starts, and how soon a loss is reported.

It needs the extra `ray`, root and network namespaces.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

import numpy as np
import psutil
import trio

from actors import Binary, Text
from runtime import NodeError, Runtime, Session
from tests.executors.ray.cluster import Cluster, opened_cluster, why_not
from tests.executors.ray.conftest import runtime_on, wait_gone
from tests.executors.ray.test_ray_executor import ON_OTHER, SERVER, on_ray

from .report import Report, median, p99

SIZES: Final = (640, 64 * 1024)
ROUNDS: Final = 400
STARTS: Final = 9
LOSSES: Final = 3


async def round_trips(runtime: Runtime, encrypted: Runtime) -> None:
    """Measure round trips through one node, in turn in each place."""
    one = on_ray("PassThrough", capabilities=ON_OTHER)
    two = on_ray("PassThrough", capabilities=ON_OTHER, places=("ray", "ray"))
    pipelines = {
        "a node process": (runtime, on_ray("PassThrough", places=("multiprocess",))),
        "ray, other machine": (runtime, one),
        "ray, two nodes": (runtime, two),
        "ray, other machine, TLS": (encrypted, one),
        "ray, two nodes, TLS": (encrypted, two),
    }
    report = Report(
        "ray_round_trip",
        "Round trip in microseconds, in turn; TLS: executors.ray.tls",
        ("", *(f"{size:,} B {name}" for size in SIZES for name in ("least", "p50", "p99"))),
    )
    times: dict[str, dict[int, list[float]]] = {
        name: {size: [] for size in SIZES} for name in pipelines
    }
    async with trio.open_nursery() as nursery:
        ended = trio.Event()
        sessions: dict[str, Session] = {}
        for name, (opened, pipeline) in pipelines.items():
            sessions[name] = await nursery.start(_hold, opened, pipeline, ended)
        for turn in range(ROUNDS):
            for name, session in sessions.items():
                for size in SIZES:
                    seconds = await _round_trip(session, Binary(np.zeros(size, np.uint8)))
                    if turn > 10:
                        times[name][size].append(1e6 * seconds)
        ended.set()
    for name, by_size in times.items():
        figures: dict[str, float] = {}
        for size, found in by_size.items():
            figures |= {f"least_{size}": min(found), f"p50_{size}": median(found)}
            figures[f"p99_{size}"] = p99(found)
        report.add(name, **figures)
    report.show()


async def _hold(
    runtime: Runtime,
    pipeline: object,
    ended: trio.Event,
    task_status: trio.TaskStatus[Session] = trio.TASK_STATUS_IGNORED,
) -> None:
    async with runtime.open_session(pipeline) as session:  # type: ignore[arg-type]
        await session.wait_ready()
        task_status.started(session)
        await ended.wait()


async def _round_trip(session: Session, item: Binary) -> float:
    began = time.perf_counter()
    await session.send(item)
    await session.receive()
    return time.perf_counter() - began


async def starts(address: str) -> None:
    """Measure from the opening of a session until it is ready."""
    report = Report(
        "ray_start",
        f"Until ready, {STARTS} times, in milliseconds",
        ("", "least", "median", "most"),
    )
    for name, warm in (("cold", 0), ("warm", 1)):
        times = []
        async with runtime_on(address, warm=warm) as runtime:
            await runtime.warm(["ray"])
            for _ in range(STARTS):
                await trio.sleep(4)  # for a warm worker to be there
                began = time.perf_counter()
                async with runtime.open_session(on_ray("PassThrough")) as session:
                    await session.wait_ready()
                    times.append(1e3 * (time.perf_counter() - began))
        report.add(name, least=min(times), median=median(times), most=max(times))
    report.show()


async def losses(runtime: Runtime, cluster: Cluster) -> None:
    """Measure from a loss until the session's owner has the error, and until nothing is left."""
    report = Report(
        "ray_loss",
        f"Each {LOSSES} times, in milliseconds",
        ("", "least until reported", "most", "most until nothing is left"),
    )
    raylet = cluster.raylet("other")
    cut = [cluster.cut() for _ in range(LOSSES)]

    def kill(pid: int) -> None:
        os.kill(pid, signal.SIGKILL)

    def mend(cable: AbstractContextManager[None]) -> None:
        cable.__exit__(None, None, None)

    def stop(pid: int) -> None:
        os.kill(pid, signal.SIGSTOP)

    kinds: dict[str, tuple[Callable[[int], None], Callable[[], None]]] = {
        "worker: SIGKILL": (kill, lambda: None),
        "worker: SIGSTOP": (stop, lambda: None),
        "raylet: SIGSTOP": (lambda _: raylet.suspend(), raylet.resume),
        "network cut": (
            lambda _: cut[-1].__enter__(),
            lambda: mend(cut.pop()),
        ),
        "raylet: SIGKILL": (
            lambda _: cluster.raylet("other").kill(),
            lambda: cluster.finish(cluster.start_other()),
        ),
    }
    for name, (harm, repair) in kinds.items():
        told, gone = [], []
        for _ in range(LOSSES):
            began = 0.0
            workers: list[psutil.Process] = []
            try:
                async with runtime.open_session(on_ray(capabilities=ON_OTHER)) as session:
                    await session.send(Text("x"))
                    result = await session.receive()
                    assert isinstance(result.data, Text)
                    workers = cluster.workers()
                    pid = int(result.data.text.split()[0])
                    began = time.perf_counter()
                    harm(pid)
                    await session.receive()
            except NodeError:
                told.append(1e3 * (time.perf_counter() - began))
            wait_gone(workers)
            gone.append(1e3 * (time.perf_counter() - began))
            repair()
        report.add(name, least=min(told), most=max(told), gone=max(gone))
    report.show()


def server_killed(cluster: Cluster) -> None:
    """Measure from SIGKILL of a server until none of its workers is left."""
    times = []
    for _ in range(LOSSES):
        with subprocess.Popen(
            [sys.executable, "-c", SERVER, cluster.address], stdout=subprocess.PIPE
        ) as server:
            assert server.stdout is not None
            server.stdout.readline()
            workers = cluster.workers()
            server.kill()
            began = time.perf_counter()
            wait_gone(workers)
            times.append(1e3 * (time.perf_counter() - began))
    report = Report(
        "ray_server_killed",
        f"SIGKILL of a server with two nodes and a warm worker, {LOSSES} times, in milliseconds",
        ("until no worker is left", "least", "most"),
    )
    report.add("", least=min(times), most=max(times))
    report.show()


def main() -> None:
    """Run the measurement."""
    if reason := why_not():
        sys.exit(f"ray: {reason}")
    with opened_cluster() as cluster:

        async def measure() -> None:
            async with (
                runtime_on(cluster.address) as runtime,
                runtime_on(cluster.address, tls="true") as encrypted,
            ):
                await round_trips(runtime, encrypted)
                await losses(runtime, cluster)
            await starts(cluster.address)

        trio.run(measure)
        server_killed(cluster)
