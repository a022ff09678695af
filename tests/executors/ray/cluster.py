"""A real Ray cluster of two machines: this one, and a network namespace."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import psutil

START_SECONDS = 60.0
OBJECT_STORE_BYTES = 80_000_000
_ETH_P_ALL = 3  # of <linux/if_ether.h>
_SO_RCVBUFFORCE = 33  # of <asm-generic/socket.h>; the module socket does not have it
IP = shutil.which("ip")


def why_not() -> str:
    """Return why no cluster can run here; empty if one can."""
    if find_spec("ray") is None:
        return "needs the extra ray"
    if os.getuid() != 0 or IP is None:
        return "needs root, and ip of iproute2"
    name = f"mr-try-{os.getpid()}"
    if subprocess.run([IP, "netns", "add", name], capture_output=True, check=False).returncode:
        return "network namespaces are not allowed here"
    subprocess.run([IP, "netns", "del", name], check=True)
    return ""


def ip(*arguments: str) -> None:
    assert IP is not None
    subprocess.run([IP, *arguments], check=True, capture_output=True)


def free_port() -> int:
    with socket.create_server(("", 0)) as sock:
        port: int = sock.getsockname()[1]
        return port


class Cluster:
    """The head is here, where the server runs; `other` is a machine of its own, in a namespace."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder = folder
        self.here, self.other = f"10.211.{number}.1", f"10.211.{number}.2"
        self.port = free_port()
        self.address = f"{self.here}:{self.port}"
        self._bridge, self._cable, self._space = (f"mr{kind}{os.getpid()}" for kind in "bvn")

    def open_network(self) -> None:
        """Connect two machines."""
        ip("netns", "add", self._space)
        ip("link", "add", self._bridge, "type", "bridge")
        ip("addr", "add", f"{self.here}/24", "dev", self._bridge)
        ip("link", "set", self._bridge, "up")
        ip("link", "add", self._cable, "type", "veth", "peer", "name", "eth0", "netns", self._space)
        ip("link", "set", self._cable, "master", self._bridge, "up")
        ip("-n", self._space, "addr", "add", f"{self.other}/24", "dev", "eth0")
        ip("-n", self._space, "link", "set", "eth0", "up")
        ip("-n", self._space, "link", "set", "lo", "up")

    def close_network(self) -> None:
        """Remove what `open_network` has made, as far as it has."""
        for what in (("netns", "del", self._space), ("link", "del", self._bridge)):
            with suppress(subprocess.CalledProcessError):
                ip(*what)

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Pull the cable of the other machine, as long as the block lasts."""
        ip("link", "set", self._cable, "nomaster")
        try:
            yield
        finally:
            ip("link", "set", self._cable, "master", self._bridge)

    @contextmanager
    def captured(self) -> Iterator[Callable[[], bytes]]:
        """Record what passes the network; the block gets a function that returns it."""
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sniffer:
            # Ray's own traffic must not push the links' out of the kernel's buffer.
            sniffer.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 64 * 2**20)
            sniffer.bind((self._cable, _ETH_P_ALL))
            sniffer.setblocking(False)
            yield lambda: b"".join(_packets(sniffer))

    def start_head(self, cpus: int = 8) -> subprocess.Popen[bytes]:
        return self._start(
            [],
            *("--head", "--port", str(self.port), "--include-dashboard=false"),
            *("--node-ip-address", self.here, "--num-cpus", str(cpus)),
            *("--temp-dir", str(self.folder / "head")),
        )

    def start_other(self) -> subprocess.Popen[bytes]:
        assert IP is not None
        return self._start(
            [IP, "netns", "exec", self._space],
            *("--address", self.address, "--node-ip-address", self.other, "--num-cpus", "4"),
            *("--num-gpus", "1", "--labels", "millrace.io/arch=x86_64,millrace.io/gpu=cuda"),
            *("--temp-dir", str(self.folder / "other")),
        )

    def _start(self, before: list[str], *options: str) -> subprocess.Popen[bytes]:
        command = [*before, sys.executable, "-m", "ray.scripts.scripts", "start", *options]
        # Not --block: the processes of the cluster are nobody's children here. And no token that
        # another cluster of this user's has left in ~/.ray.
        with (self.folder / "start.log").open("ab") as log:
            return subprocess.Popen(
                [*command, "--object-store-memory", str(OBJECT_STORE_BYTES)],
                stdout=log,
                stderr=log,
                env={**os.environ, "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
            )

    def wait_listening(self) -> None:
        """Wait until the GCS listens; nothing else tells."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection((self.here, self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError((self.folder / "start.log").read_text())

    def finish(self, starting: subprocess.Popen[bytes]) -> None:
        """Wait until a machine has started."""
        status = starting.wait(START_SECONDS)
        assert status == 0, (self.folder / "start.log").read_text()

    def processes(self, part: str = "") -> list[psutil.Process]:
        """Return the processes of the cluster, or those of one machine or kind."""
        return [p for p in psutil.process_iter() if self._is_ours(p, part)]

    def _is_ours(self, process: psutil.Process, part: str) -> bool:
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            return str(self.folder) in line and part in line
        return False

    def raylet(self, machine: str) -> psutil.Process:
        """Return the raylet of "head" or "other"."""
        raylets = [
            p
            for p in self.processes(str(self.folder / machine))
            if line_of(p) and Path(line_of(p)[0]).name == "raylet"
        ]
        # One that forks to start a worker has a child with its own command line for a moment.
        numbers = {p.pid for p in raylets}
        (found,) = (p for p in raylets if parent_of(p) not in numbers)
        return found

    def workers(self) -> list[psutil.Process]:
        """Return the workers that run a node, or wait for one, and their guards."""
        raylets = [p for p in self.processes() if Path(p.cmdline()[0]).name == "raylet"]
        numbers = {str(raylet.pid) for raylet in raylets}
        found = [p for p in psutil.process_iter() if is_guard(p, numbers)]
        for raylet in raylets:
            found += [p for p in raylet.children() if "ray::RayWorker" in " ".join(line_of(p))]
        return found

    def stop(self) -> None:
        """Kill all of it, and remove its files."""
        for process in (found := self.processes()):
            with suppress(psutil.Error):
                found += process.children(recursive=True)
        for process in found:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(found, timeout=10)
        shutil.rmtree(self.folder, ignore_errors=True)


def line_of(process: psutil.Process) -> list[str]:
    """Return the command line; empty if the process has ended."""
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


def is_guard(process: psutil.Process, raylets: set[str]) -> bool:
    """Return whether a process is the guard of a worker of one of these raylets."""
    line = line_of(process)
    return any(word.endswith("/ray/guard.py") for word in line) and line[-2] in raylets


def _packets(sniffer: socket.socket) -> Iterator[bytes]:
    with suppress(BlockingIOError):
        while True:
            yield sniffer.recv(65535)


def parent_of(process: psutil.Process) -> int:
    """Return the process id of the parent; 0 if the process has ended."""
    with suppress(psutil.Error):
        return int(process.ppid())
    return 0


@contextmanager
def opened_cluster(*, other: bool = True) -> Iterator[Cluster]:
    """Start a cluster, and leave nothing of it."""
    # A short path: sockets of Ray are in it.
    folder = Path(tempfile.mkdtemp(prefix="mr-ray-"))
    cluster = Cluster(folder, (os.getpid() + (0 if other else 100)) % 200 + 1)
    try:
        if not other:
            cluster.here, cluster.address = "127.0.0.1", f"127.0.0.1:{cluster.port}"
        else:
            cluster.open_network()
        starting = [cluster.start_head()]
        cluster.wait_listening()
        if other:
            starting.append(cluster.start_other())
        for each in starting:
            cluster.finish(each)
        yield cluster
    finally:
        cluster.stop()
        if other:
            cluster.close_network()


def send_signal(process: psutil.Process, number: signal.Signals) -> None:
    """Send a signal."""
    os.kill(process.pid, number)
