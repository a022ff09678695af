"""`millrace doctor`: whether a machine is ready for a server, and what to do."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import PipelineError, RuntimeConfig
from runtime.cli.doctor import CHECKS, Finding, State, Subject, examined
from runtime.config import parse_config
from runtime.session import Leftovers, SweepReport
from tests.cli.commands import command, environment, millrace
from tests.cli.terminal import run_in_terminal

MIB, GIB = 2**20, 2**30
NAMES = [
    *("settings", "shared memory", "file descriptors", "processes", "cores", "memory"),
    *("extras", "leftovers", "clock"),
]
LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max processes             {processes:<20} {processes:<20} processes
Max open files            {soft:<20} {hard:<20} files
"""
EXTRAS = {"speech": ("one", "two"), "record": ("mcap",), "dev": ("ruff",)}
NOTHING_LEFT = Leftovers(SweepReport(), {})


def nothing_left() -> Leftovers:
    return NOTHING_LEFT


@dataclass
class Machine:
    """A machine without a fault, in a folder; each test breaks something."""

    root: Path

    def __post_init__(self) -> None:
        (self.root / "dev/shm").mkdir(parents=True)
        self.write("proc/self/limits", LIMITS.format(processes=9999, soft=1024, hard=65536))
        self.write("proc/self/cgroup", "0::/service\n")
        self.write("proc/meminfo", "MemTotal: 16777216 kB\nMemAvailable: 8388608 kB\n")
        self.write("proc/sys/kernel/pid_max", "32768\n")
        self.write("sys/devices/system/clocksource/clocksource0/current_clocksource", "tsc\n")
        self.size, self.free = 2 * GIB, 2 * GIB

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def group(self, **files: str) -> None:
        for name, text in files.items():
            self.write(f"sys/fs/cgroup/service/{name.replace('_', '.', 1)}", f"{text}\n")

    def space(self, _folder: Path) -> Any:
        return SimpleNamespace(
            f_blocks=self.size // 4096, f_bavail=self.free // 4096, f_frsize=4096
        )

    def examine(self, **parts: Any) -> dict[str, Finding]:
        given = {
            "config": RuntimeConfig(),
            "root": self.root,
            "cores": 8,
            "space_of": self.space,
            "leftovers": nothing_left,
            "clock_is_synchronized": lambda: True,
            "extras": EXTRAS,
            "is_installed": lambda _: True,
            "required_by_others": frozenset,
        }
        return {each.check: each for each in examined(Subject(**{**given, **parts}))}


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "root")


def test_a_machine_without_a_fault_is_ok_in_every_check(machine: Machine) -> None:
    findings = machine.examine()
    assert list(findings) == NAMES
    assert len(CHECKS) == len(NAMES)
    assert {each.state for each in findings.values()} == {State.OK}
    assert not any(each.advice for each in findings.values())


def shrunk(size: int, free: int) -> Callable[[Machine], None]:
    def shrink(machine: Machine) -> None:
        machine.size, machine.free = size, free

    return shrink


def limited(**values: object) -> Callable[[Machine], None]:
    given = {"processes": 9999, "soft": 1024, "hard": 65536} | values
    return lambda machine: machine.write("proc/self/limits", LIMITS.format(**given))


def grouped(**files: str) -> Callable[[Machine], None]:
    return lambda machine: machine.group(**files)


def written(path: str, text: str) -> Callable[[Machine], None]:
    return lambda machine: machine.write(path, text)


BROKEN: list[tuple[str, State, Callable[[Machine], None], str, str]] = [
    ("shared memory", State.WARNING, shrunk(64 * MIB, 60 * MIB), "60 MiB free of 64 MiB", "--shm"),
    ("shared memory", State.ERROR, shrunk(2 * GIB, 4 * MIB), "4 MiB free of 2 GiB", "Enlarge"),
    (
        "shared memory",
        State.ERROR,
        lambda machine: shutil.rmtree(machine.root / "dev/shm"),
        "no /dev/shm",
        "mount -t tmpfs",
    ),
    ("file descriptors", State.WARNING, limited(hard=1024), "at most 1024", "hard limit to 3800"),
    ("file descriptors", State.ERROR, limited(soft=64, hard=128), "at most 128", "LimitNOFILE"),
    ("processes", State.WARNING, limited(processes=50), "50 left (the user's", "TasksMax"),
    ("processes", State.ERROR, grouped(pids_max="12", pids_current="7"), "5 left (the control", ""),
    (
        "processes",
        State.WARNING,
        written("proc/sys/kernel/pid_max", "100\n"),
        "100 left (the machine's",
        "max_total_processes allows 100",
    ),
    ("cores", State.WARNING, grouped(cpu_max="200000 100000"), "8; the control group may use 2",
     "OMP_NUM_THREADS=2"),
    (
        "memory",
        State.ERROR,
        written("proc/meminfo", "MemTotal: 900000 kB\nMemAvailable: 102400 kB\n"),
        "100 MiB left",
        "Free or add memory",
    ),
    (
        "memory",
        State.WARNING,
        grouped(memory_max=str(GIB), memory_current=str(100 * MIB)),
        "924 MiB left (the control group has 1 GiB)",
        "/dev/shm counts as memory",
    ),
    ("memory", State.WARNING, lambda machine: (machine.root / "proc/meminfo").unlink(), "unknown",
     "/proc/meminfo"),
    (
        "clock",
        State.WARNING,
        written("sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet\n"),
        "source hpet",
        "clocksource=tsc",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "state", "broken", "found", "advice"), BROKEN, ids=[f"{b[0]}-{b[3]}" for b in BROKEN]
)
def test_a_fault_is_found_with_its_figures_and_what_to_do(
    machine: Machine,
    check: str,
    state: State,
    broken: Callable[[Machine], None],
    found: str,
    advice: str,
) -> None:
    broken(machine)
    findings = machine.examine()
    assert findings[check].state is state
    assert found in findings[check].found
    assert findings[check].advice
    assert advice in findings[check].advice
    others = {each.state for each in findings.values() if each.check != check}
    assert others == {State.OK}


def test_limits_of_version_1_control_groups_count(machine: Machine) -> None:
    machine.write("proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/\n3:pids:/\n")
    for path, text in {
        "cpu/cpu.cfs_quota_us": "150000",
        "cpu/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": str(GIB),
        "memory/memory.usage_in_bytes": "0",
        "pids/pids.max": "20",
        "pids/pids.current": "1",
    }.items():
        machine.write(f"sys/fs/cgroup/{path}", f"{text}\n")
    findings = machine.examine()
    assert findings["cores"].found == "8; the control group may use 1.5"
    assert "the control group has 1 GiB" in findings["memory"].found
    assert findings["processes"].found.startswith("19 left")


def test_the_settings_decide_what_is_enough(machine: Machine) -> None:
    machine.size = machine.free = 64 * MIB
    limited(hard=1024, processes=50)(machine)
    small = parse_config(
        "[multiprocess]\nshared_memory_budget_bytes = 33554432\n"
        "[limits]\nmax_total_processes = 10\n[server]\nmax_connections = 100\n"
    )
    assert {each.state for each in machine.examine(config=small).values()} == {State.OK}


def test_more_workers_than_the_machine_has_room_for_are_found(machine: Machine) -> None:
    workers = parse_config("[server]\nworkers = 4\n")
    assert {each.state for each in machine.examine(config=workers).values()} == {State.OK}
    cores = machine.examine(config=workers, cores=2)["cores"]
    assert (cores.state, cores.found) == (State.WARNING, "2; server.workers is 4")
    assert "server.workers to 2 or less" in cores.advice
    machine.write("proc/meminfo", "MemTotal: 900000 kB\nMemAvailable: 819200 kB\n")
    assert machine.examine()["memory"].state is State.OK
    memory = machine.examine(config=workers)["memory"]
    assert memory.state is State.ERROR
    assert "1 GiB for 4 workers" in memory.advice
    limited(processes=110)(machine)
    assert machine.examine()["processes"].state is State.OK
    assert machine.examine(config=workers)["processes"].state is State.WARNING


def test_one_core_is_a_warning(machine: Machine) -> None:
    assert machine.examine(cores=1)["cores"].state is State.WARNING


def test_an_extra_that_is_not_installed_is_told_and_no_fault(machine: Machine) -> None:
    found = machine.examine(is_installed=lambda package: package == "mcap")["extras"]
    assert (found.state, found.found) == (State.OK, "installed: record; not installed: speech")


def test_an_extra_that_is_installed_in_part_is_a_warning(machine: Machine) -> None:
    found = machine.examine(is_installed=lambda package: package != "two")["extras"]
    assert found.state is State.WARNING
    assert found.found == "installed: record; speech lacks two"
    assert found.advice == 'pip install "millrace-runtime[speech]"'


def test_a_package_that_others_brought_along_does_not_make_an_extra(machine: Machine) -> None:
    found = machine.examine(
        is_installed=lambda package: package != "two",
        required_by_others=lambda: frozenset({"one"}),
    )["extras"]
    assert (found.state, found.found) == (State.OK, "installed: record; not installed: speech")


@pytest.mark.parametrize(
    ("extra", "settings"),
    [
        ("record", '[recording]\nfolder = "/recordings"\n'),
        ("http", "[http]\nenabled = true\n"),
        ("otel", '[tracing]\nendpoint = "http://127.0.0.1:4318/v1/traces"\n'),
        ("llm", '[models.house]\nurl = "http://127.0.0.1:8080/v1"\nmodel = "small"\n'),
    ],
)
def test_an_extra_that_the_settings_need_is_an_error(
    machine: Machine, extra: str, settings: str
) -> None:
    config = parse_config(settings)
    found = machine.examine(config=config, is_installed=lambda _: False)["extras"]
    assert found.state is State.ERROR
    assert f'pip install "millrace-runtime[{extra}]"' in found.advice


def test_leftovers_that_the_next_start_removes_need_nothing(machine: Machine) -> None:
    left = Leftovers(SweepReport(1, 3, 2 * MIB), {})
    found = machine.examine(leftovers=lambda: left)["leftovers"]
    assert (found.state, found.found) == (
        State.OK,
        "of 1 killed server: 3 segments, 2 MiB",
    )
    assert "next start" in found.advice


def test_leftovers_that_no_start_removes_are_a_warning_with_their_names(machine: Machine) -> None:
    left = Leftovers(SweepReport(), {f"{n}-00000000": MIB for n in range(5)})
    found = machine.examine(leftovers=lambda: left)["leftovers"]
    assert found.state is State.WARNING
    assert "of 5 servers without a folder in TMPDIR: 5 MiB" in found.found
    assert "rm -r /dev/shm/mr0-00000000_*" in found.advice
    assert "mr3-" not in found.advice


def test_leftovers_that_cannot_be_looked_for_are_a_warning(machine: Machine) -> None:
    def refuse() -> Leftovers:
        raise PipelineError("/tmp/x: cannot be read")

    found = machine.examine(leftovers=refuse)["leftovers"]
    assert (found.state, found.found) == (State.WARNING, "/tmp/x: cannot be read")


@pytest.mark.parametrize(
    ("synchronized", "state"), [(True, State.OK), (None, State.OK), (False, State.WARNING)]
)
def test_a_clock_that_follows_nothing_is_a_warning(
    machine: Machine, synchronized: bool | None, state: State
) -> None:
    found = machine.examine(clock_is_synchronized=lambda: synchronized)["clock"]
    assert found.state is state


def test_a_machine_that_shows_nothing_of_itself_is_still_examined(tmp_path: Path) -> None:
    findings = Machine(tmp_path / "full").examine(root=tmp_path / "empty")
    assert list(findings) == NAMES
    assert findings["shared memory"].state is State.ERROR


def test_the_command_examines_this_machine(tmp_path: Path) -> None:
    done = millrace("doctor", "--json", folder=tmp_path)
    shown = json.loads(done.stdout)
    assert [each["check"] for each in shown["checks"]] == NAMES
    states = {each["check"]: each["state"] for each in shown["checks"]}
    assert shown["ok"] is ("error" not in states.values())
    assert done.returncode == (0 if shown["ok"] else 1)
    assert states["settings"] == states["extras"] == "ok"
    for each in shown["checks"]:
        assert each["found"]
        assert each["advice"] or each["state"] == "ok"


def test_invalid_settings_are_an_error_and_the_machine_is_examined_all_the_same(
    tmp_path: Path,
) -> None:
    (tmp_path / "own.toml").write_text("[limits]\nmax_sesions = 3\nmax_nodes = 1\n")
    done = millrace("doctor", "--json", "--config", "own.toml", folder=tmp_path)
    assert done.returncode == 1
    checks = json.loads(done.stdout)["checks"]
    assert [each["check"] for each in checks] == NAMES
    assert checks[0]["state"] == "error"
    assert "own.toml:2: limits.max_sesions: unknown key" in checks[0]["found"]
    assert "(and 1 more)" in checks[0]["found"]


@pytest.mark.parametrize("columns", [40, 80, 140])
def test_the_table_fits_the_terminal_and_has_every_check(columns: int, tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text("[limits]\nmax_sesions = 3\n")
    screen = run_in_terminal("doctor", folder=tmp_path, columns=columns)
    assert screen.status == 1
    assert max(map(len, screen.lines)) <= columns
    for name in NAMES:
        assert any(line.startswith(name) for line in screen.lines)


def left_by(folder: Path) -> dict[str, str]:
    done = subprocess.run(
        command("doctor", "--json"),
        cwd=folder,
        env={**environment(), "TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    return dict(checks["leftovers"])


def test_what_a_killed_server_left_is_shown_until_the_next_start(tmp_path: Path) -> None:
    variables = {**environment(), "TMPDIR": str(tmp_path)}
    arguments = ("serve", "--bind", "127.0.0.1:0")

    def start() -> "subprocess.Popen[bytes]":
        server = subprocess.Popen(
            command(*arguments),
            cwd=tmp_path,
            env=variables,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert server.stderr is not None
        for line in server.stderr:
            if b"listening" in line:
                return server
        raise AssertionError("the server ended")

    server = start()
    try:
        assert "killed server" not in left_by(tmp_path)["found"]
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()
    name = next((tmp_path / f"millrace-{os.getuid()}").iterdir()).name
    segment = Path(f"/dev/shm/mr{name}_0_test")
    segment.write_bytes(b"x" * 8192)
    try:
        shown = left_by(tmp_path)
        assert "of 1 killed server: 1 segments, 8 KiB" in shown["found"]
        # Another folder for temporary files: the server cannot be known there.
        other = tmp_path / "other"
        other.mkdir()
        shown = left_by(other)
        assert shown["state"] == "warning"
        assert "without a folder in TMPDIR" in shown["found"]
        server = start()
        os.killpg(server.pid, signal.SIGTERM)
        server.communicate(timeout=60)
        assert not segment.exists()
    finally:
        segment.unlink(missing_ok=True)
