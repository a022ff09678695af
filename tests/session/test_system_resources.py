"""A session that the machine has no room for is refused before it opens anything."""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from actors import Text
from runtime import ErrorType, LimitError, Manifest, Runtime, RuntimeConfig
from runtime.config import Limits
from runtime.links import Wiring
from runtime.session.capacity import Capacity
from runtime.session.demand import Demand, demand_of
from runtime.session.system_resources import SystemResources
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, manifest, run_through

NOTHING = Demand(0)


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def fan(first: str, others: str, count: int) -> Manifest:
    names = [f"b{index}" for index in range(count)]
    return manifest(
        dict.fromkeys(["a", *names], "PassThrough"),
        [f"a > {name}" for name in names],
        places={"a": first, **dict.fromkeys(names, others)},
    )


SHAPES = {
    "native": chain("PassThrough", ["native"] * 3),
    "one": chain("PassThrough", ["multiprocess"]),
    "chain": chain("PassThrough", ["multiprocess"] * 4),
    "mixed": chain("PassThrough", ["native", "multiprocess"] * 2),
    "fan": fan("multiprocess", "multiprocess", 3),
    "fan into the server": fan("multiprocess", "native", 3),
    "fan out of the server": fan("native", "multiprocess", 3),
    "join": manifest(
        dict.fromkeys("abc", "PassThrough"),
        ["a > c", "b > c"],
        places={"a": "multiprocess", "b": "multiprocess", "c": "native"},
    ),
}


@pytest.mark.parametrize("shape", SHAPES)
async def test_a_session_opens_as_many_descriptors_as_its_plan_predicts(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, shape: str
) -> None:
    opened = []
    connect = Wiring.connect

    async def counted(wiring: Wiring) -> None:
        before = descriptors()
        await connect(wiring)
        opened.append(descriptors() - before)

    await run_through(runtime, SHAPES["mixed"], [])  # opens the executors, which stay open
    monkeypatch.setattr(Wiring, "connect", counted)
    demand = demand_of(runtime.plan(SHAPES[shape]))
    before = descriptors()
    async with runtime.open_session(SHAPES[shape]) as session:
        await session.wait_ready()
        held = descriptors() - before
    assert opened == [demand.descriptors - 6 * demand.processes]
    assert held <= demand.descriptors


@contextmanager
def descriptor_limit(soft: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_too_few_descriptors_refuse_a_session_with_the_figures(runtime: Runtime) -> None:
    pipeline = chain("PassThrough", ["multiprocess"] * 2)
    await runtime.warm()
    soft = descriptors() + 90
    with descriptor_limit(soft):
        async with runtime.open_session(pipeline) as session:
            await session.wait_ready()
            for _ in range(3):
                before = descriptors()
                with pytest.raises(
                    LimitError, match=r"53 file descriptors, and \d+ of \d+ are"
                ) as e:
                    await run_through(runtime, pipeline, [Text("x")])
                assert e.value.error_type is ErrorType.RESOURCE_LIMIT
                assert f"of {soft} are in use; raise the limit (ulimit -n" in str(e.value)
                assert descriptors() == before
            assert await run_through(runtime, chain("PassThrough", ["native"]), [Text("x")])
            await session.send(Text("x"))
            assert (await session.receive()).data == Text("x")
        assert await run_through(runtime, pipeline, [Text("x")])


async def refusal_of(runtime: Runtime, pipeline: Manifest) -> str:
    """Run a pipeline; return why it was refused, empty if it was not."""
    try:
        await run_through(runtime, pipeline, [Text("x")])
    except LimitError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("spare", range(0, 54, 3))
async def test_descriptors_that_run_out_while_links_are_opened_are_told_and_none_is_kept(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, spare: int
) -> None:
    """As when another part of the process takes them after the check."""
    pipeline = chain("PassThrough", ["multiprocess"] * 2)
    assert await run_through(runtime, pipeline, [Text("x")])
    monkeypatch.setattr(SystemResources, "shortage", lambda *_: "")
    before = descriptors()
    with descriptor_limit(before + spare):
        said = await refusal_of(runtime, pipeline)
    assert not said or re.search(r"\d+ of \d+ file descriptors are in use; raise the limit", said)
    assert descriptors() == before
    assert await run_through(runtime, pipeline, [Text("x")])


async def test_sessions_that_start_together_cannot_use_up_the_descriptors(
    runtime: Runtime,
) -> None:
    outcomes: list[str] = []

    async def run() -> None:
        try:
            await run_through(runtime, chain("PassThrough", ["multiprocess"] * 2), [Text("x")])
        except LimitError as error:
            outcomes.append(str(error)[:52])
        else:
            outcomes.append("ran")

    await runtime.warm()
    with descriptor_limit(descriptors() + 150):
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(run)
    refused = "no room for the session: the session needs 53 file de"
    assert sorted(outcomes) == [refused[:52]] * 4 + ["ran"] * 2


async def test_a_session_may_wait_for_descriptors(runtime_with: OpenRuntime) -> None:
    config = RuntimeConfig(limits=Limits(session_wait_secs=60))
    pipeline = chain("PassThrough", ["multiprocess"] * 2)
    async with runtime_with(config) as runtime:
        await runtime.warm()
        with descriptor_limit(descriptors() + 110):
            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(run_through, runtime, pipeline, [Text("x")])
            large = chain("PassThrough", ["multiprocess"] * 10)
            with pytest.raises(LimitError, match="file descriptors"):
                await run_through(runtime, large, [])  # at once: it could never fit


V2 = {"self/cgroup": "0::/app/server\n"}
V1 = {"self/cgroup": "8:pids:/app\n4:cpu,memory:/app\n0::/\n"}


def machine(root: Path, proc: dict[str, str], groups: dict[str, str]) -> SystemResources:
    for folder, files in (("proc", proc), ("sys/fs/cgroup", groups)):
        for name, text in files.items():
            path = root / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    (root / "proc/self/fd").mkdir(parents=True)
    return SystemResources(root)


@pytest.mark.parametrize(
    ("proc", "groups", "reason"),
    [
        (V2, {"app/pids.max": "100\n", "app/pids.current": "96\n"}, "has 96 of 100 (pids.max)"),
        (V2, {"pids.max": "max\n", "pids.current": "96\n"}, ""),
        (V2, {"app/pids.max": "100\n", "app/pids.current": "95\n"}, ""),
        (V1, {"pids/app/pids.max": "9", "pids/app/pids.current": "5"}, "has 5 of 9 (pids.max)"),
        # In a container the group's own path does not exist there.
        (V1, {"pids/pids.max": "9", "pids/pids.current": "5"}, "has 5 of 9 (pids.max)"),
        (V2, {"memory.max": "90000000", "memory.current": "80000000"}, "and 10000000 are free"),
        (
            V2,
            {
                "memory.max": "90000000",
                "memory.current": "80000000",
                "memory.stat": "anon 5\ninactive_file 70000000\n",
            },
            "",
        ),
        (
            V1,
            {
                "memory/app/memory.limit_in_bytes": "90000000",
                "memory/app/memory.usage_in_bytes": "80000000",
            },
            "and 10000000 are free",
        ),
        ({**V2, "meminfo": "MemTotal: 9 kB\nMemAvailable: 1000 kB\n"}, {}, "1024000 are free"),
        ({**V2, "meminfo": "MemTotal: 9 kB\nMemAvailable: 100000 kB\n"}, {}, ""),
        ({}, {}, ""),
    ],
)
def test_too_few_processes_or_too_little_memory_refuse_a_session_with_the_figures(
    tmp_path: Path, proc: dict[str, str], groups: dict[str, Any], reason: str
) -> None:
    system = machine(tmp_path, proc, groups)
    shortage = system.shortage(Demand(5), NOTHING)
    assert reason in shortage
    assert bool(shortage) == bool(reason)
    assert system.shortage(Demand(0), NOTHING) == ""


async def test_what_sessions_that_are_starting_need_counts(tmp_path: Path) -> None:
    system = machine(tmp_path, V2, {"pids.max": "10", "pids.current": "4"})
    capacity = Capacity(Limits(), system)
    async with capacity.reserve(Demand(4)) as reservation:
        with pytest.raises(LimitError, match=r"has 4 of 10 \(pids\.max\)"):
            async with capacity.reserve(Demand(4)):
                pass
        reservation.settle()
        async with capacity.reserve(Demand(4)):
            assert capacity.processes == 8
