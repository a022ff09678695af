"""A server reports its state to the service manager that started it."""

import os
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio
import trio.testing

from runtime.service import open_service_manager
from tests.cli.commands import command, environment, finish
from tests.service.test_serve_command import listening

SECONDS = 60.0
REPORTED = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")


class Manager:
    """A service manager: a Unix datagram socket."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name.replace("@", "\0", 1))
        self.socket.settimeout(SECONDS)

    def read(self) -> dict[str, str]:
        """Return the next report."""
        lines = self.socket.recv(4096).decode().splitlines()
        return dict(line.split("=", 1) for line in lines)

    def read_until(self, key: str) -> dict[str, str]:
        """Return the next report that has this key."""
        while True:
            found = self.read()
            if key in found:
                return found


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    """A service manager with both forms of an address."""
    path, abstract = str(tmp_path / "notify"), f"@millrace-test-{secrets.token_hex(8)}"
    opened = Manager(path if request.param == "path" else abstract)
    with opened.socket:
        yield opened


@contextmanager
def serving(folder: Path, **variables: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0"),
        cwd=folder,
        env={**environment(), **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def test_a_server_reports_that_it_is_ready_and_that_it_stops(
    manager: Manager, tmp_path: Path
) -> None:
    with serving(tmp_path, NOTIFY_SOCKET=manager.name) as process:
        ready = manager.read()
        address = listening(process)
        assert ready == {"READY": "1", "STATUS": f"listening on {address}"}
        host, _, port = address.rpartition(":")
        socket.create_connection((host, int(port)), SECONDS).close()
        process.send_signal(signal.SIGTERM)
        stopping = manager.read()
        assert stopping["STOPPING"] == "1"
        assert stopping["STATUS"].startswith("stopping; 0 calls")
        assert finish(process).returncode == 0
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.read()


def test_a_server_reports_to_the_watchdog_until_it_ends(manager: Manager, tmp_path: Path) -> None:
    variables = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "20000"}
    with serving(tmp_path, **variables) as process:
        manager.read_until("READY")
        for _ in range(3):
            assert manager.read() == {"WATCHDOG": "1"}
        process.send_signal(signal.SIGTERM)
        manager.read_until("STOPPING")
        assert finish(process).returncode == 0


def test_a_server_that_hangs_does_not_report_to_the_watchdog(tmp_path: Path) -> None:
    manager = Manager(str(tmp_path / "notify"))
    variables = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "20000"}
    with manager.socket, serving(tmp_path, **variables) as process:
        manager.read_until("READY")
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        manager.socket.settimeout(0.5)  # 50 times the interval
        with pytest.raises(TimeoutError):
            while True:
                manager.read()
        process.send_signal(signal.SIGCONT)


async def test_the_watchdog_of_another_process_is_not_reported_to(manager: Manager) -> None:
    variables = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}
    async with open_service_manager(variables) as opened:
        await trio.testing.wait_all_tasks_blocked()
        await opened.report_ready("here")
    assert manager.read() == {"READY": "1", "STATUS": "here"}


@pytest.mark.parametrize("microseconds", ["0", "-1", "soon", "1.5", "²"])
async def test_a_watchdog_interval_that_is_none_is_logged(
    manager: Manager, microseconds: str, caplog: pytest.LogCaptureFixture
) -> None:
    variables = {"NOTIFY_SOCKET": manager.name, "WATCHDOG_USEC": microseconds}
    async with open_service_manager(variables):
        await trio.testing.wait_all_tasks_blocked()
    assert "WATCHDOG_USEC is not supported" in caplog.text


async def test_node_processes_do_not_inherit_the_way_to_the_manager(manager: Manager) -> None:
    variables = dict.fromkeys(REPORTED, "1") | {"NOTIFY_SOCKET": manager.name, "PATH": "/bin"}
    async with open_service_manager(variables):
        assert variables == {"PATH": "/bin"}


@pytest.mark.parametrize("name", ["/nowhere/notify", "vsock:2:1234", "@nobody-listens"])
async def test_a_manager_that_cannot_be_reached_is_logged_and_changes_nothing(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_service_manager({"NOTIFY_SOCKET": name}) as manager:
        await manager.report_ready("ready")
    assert ("cannot be reached" if "nob" in name or "/" in name else "not supported") in caplog.text


async def test_a_manager_that_does_not_read_delays_the_server_for_some_seconds_only(
    tmp_path: Path, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    manager = Manager(str(tmp_path / "notify"))
    with manager.socket:
        async with open_service_manager({"NOTIFY_SOCKET": manager.name}) as opened:
            while "it does not read" not in [getattr(r, "reason", "") for r in caplog.records]:
                await opened.report_ready("ready")


async def test_without_a_manager_nothing_is_opened() -> None:
    before = len(os.listdir("/proc/self/fd"))
    async with open_service_manager({}) as manager:
        await manager.report_ready("ready")
        await manager.report_stopping("stopping")
        assert len(os.listdir("/proc/self/fd")) == before
