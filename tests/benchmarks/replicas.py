"""Three servers that can be rolled, and the balancers before them."""

import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from tests.cli.commands import command, environment

REPLICAS: Final = 3
LAME_DUCK_SECONDS: Final = 1.0
_SECONDS: Final = 60.0
_DEPLOY: Final = Path(__file__).parents[2] / "deploy"


class Replica:
    """A server that can be rolled: ended by SIGTERM, and started again at the same ports."""

    def __init__(
        self,
        folder: Path,
        port: int,
        http_port: int,
        drain_seconds: float,
        *,
        places: int = 100,
    ) -> None:
        self.port = port
        self.http_port = http_port
        self.folder = folder
        (folder / "runtime.toml").write_text(
            f'[server]\nbind_address = "127.0.0.1:{port}"\nlame_duck_secs = {LAME_DUCK_SECONDS}\n'
            f'drain_timeout_secs = {drain_seconds}\nstate_key_file = "state-keys"\n'
            "load_reports = true\n"
            f"[limits]\nmax_sessions = {places}\n"
            f'[http]\nenabled = true\nbind_address = "127.0.0.1:{http_port}"\n'
        )
        (folder / "state-keys").write_text(32 * "k")
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        """Start it, and wait until it listens."""
        self._process = subprocess.Popen(
            command("serve"),
            cwd=self.folder,
            env=environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stderr is not None
        for line in self._process.stderr:
            if "listening on" in line:
                break
        threading.Thread(target=self._process.stderr.read, daemon=True).start()

    def stop(self) -> float:
        """Let it drain; return how long it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(_SECONDS)
        return time.monotonic() - began

    def close(self) -> None:
        """End it at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody uses now."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def adapted(text: str, port: int, replicas: list[Replica]) -> str:
    """Return a file of deploy/ for servers on this machine."""
    text = text.replace(":50050", f"127.0.0.1:{port}").replace(
        "listen 50050", f"listen 127.0.0.1:{port}"
    )
    for number, replica in enumerate(replicas, 1):
        text = text.replace(f"millrace-{number}:50051", f"127.0.0.1:{replica.port}")
        text = text.replace(f"millrace-{number}:9464", f"127.0.0.1:{replica.http_port}")
    return text


@contextmanager
def no_balancer(_folder: Path, replicas: list[Replica]) -> Iterator[str]:
    """Give the client the addresses of all servers."""
    yield "ipv4:" + ",".join(f"127.0.0.1:{each.port}" for each in replicas)


@contextmanager
def haproxy(name: str, folder: Path, replicas: list[Replica]) -> Iterator[str]:
    """Run HAProxy with a file of deploy/haproxy."""
    (port,) = free_ports(1)
    path = folder / name
    path.write_text(adapted((_DEPLOY / "haproxy" / name).read_text(), port, replicas))
    with _running(["haproxy", "-db", "-f", str(path)], port):
        yield f"127.0.0.1:{port}"


@contextmanager
def nginx(folder: Path, replicas: list[Replica]) -> Iterator[str]:
    """Run nginx with the file of deploy/nginx."""
    (port,) = free_ports(1)
    (folder / "grpc.conf").write_text(
        adapted((_DEPLOY / "nginx/grpc.conf").read_text(), port, replicas)
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\naccess_log off;\ninclude {folder}/grpc.conf;\n}}\n"
    )
    with _running(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], port):
        yield f"127.0.0.1:{port}"


@contextmanager
def _running(arguments: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            with socket.socket() as sock:
                if not sock.connect_ex(("127.0.0.1", port)):
                    break
            time.sleep(0.02)  # nothing tells when a balancer listens
        yield
    finally:
        process.terminate()
        process.wait()


@contextmanager
def running_replicas(
    drain_seconds: float, *, places: int = 100
) -> Iterator[tuple[Path, list[Replica]]]:
    """Run the servers, each in a folder of its own."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ports = free_ports(2 * REPLICAS)
        replicas = []
        for number in range(REPLICAS):
            own = folder / str(number)
            own.mkdir()
            replica = Replica(
                own, ports[2 * number], ports[2 * number + 1], drain_seconds, places=places
            )
            stack.callback(replica.close)
            replicas.append(replica)
        yield folder, replicas
