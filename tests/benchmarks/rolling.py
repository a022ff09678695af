"""Three replicas behind a balancer, each rolled by SIGTERM while clients stream: what is lost."""

import argparse
import asyncio
import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc

from actors import Json
from runtime import MillraceError
from runtime.client import connect
from tests.cli.commands import command, environment
from tests.service.grpcio_client import Stream
from tests.service.messages import chunk, control, init, json_buffer, pipeline

from .report import Report

REPLICAS: Final = 3
SESSIONS: Final = 60
# Of a session; chunks come every 50 ms, as those of a slow speaker.
SHORTEST_SECONDS, LONGEST_SECONDS = 3.0, 8.0
CHUNK_SECONDS: Final = 0.05
LAME_DUCK_SECONDS: Final = 1.0
DRAIN_SECONDS: Final = 15.0
# Of the sessions that are longer than the drain, which move.
MOVING_SESSIONS: Final = 20
MOVING_SECONDS: Final = (10.0, 20.0)
SHORT_DRAIN_SECONDS: Final = 3.0
_SECONDS: Final = 60.0
_DEPLOY: Final = Path(__file__).parents[2] / "deploy"

SERVICE_CONFIG: Final = {
    "loadBalancingConfig": [{"round_robin": {}}],
    "methodConfig": [
        {
            "name": [{"service": "remotemedia.v1.StreamingPipelineService"}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.05s",
                "maxBackoff": "0.5s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE", "RESOURCE_EXHAUSTED"],
            },
        }
    ],
}
# For a client that sees each server. Behind a proxy of calls it would watch any one of them.
HEALTH_CHECKS: Final = {"healthCheckConfig": {"serviceName": ""}}


class Replica:
    """A server that can be rolled: ended by SIGTERM, and started again at the same ports."""

    def __init__(self, folder: Path, port: int, http_port: int, drain_seconds: float) -> None:
        self.port = port
        self.http_port = http_port
        self.folder = folder
        (folder / "runtime.toml").write_text(
            f'[server]\nbind_address = "127.0.0.1:{port}"\nlame_duck_secs = {LAME_DUCK_SECONDS}\n'
            f"drain_timeout_secs = {drain_seconds}\n"
            f'[http]\nenabled = true\nbind_address = "127.0.0.1:{http_port}"\n'
        )
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


@dataclass(slots=True)
class Outcome:
    """What the clients saw."""

    lost: int = 0
    errors: list[str] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    stops: list[float] = field(default_factory=list)
    twice: int = 0
    moves: int = 0


def stream(target: str, seconds: float, outcome: Outcome, lock: threading.Lock) -> None:
    """Run one session, and count what it does not get back."""
    sees_servers = target.startswith("ipv4:")
    config = SERVICE_CONFIG | HEALTH_CHECKS if sees_servers else SERVICE_CONFIG
    options = [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.enable_retries", 1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    manifest = pipeline({"a": "PassThrough"})
    sent, error = 0, ""
    received: set[int] = set()
    began = opened = time.monotonic()
    with (
        grpc.insecure_channel(target, options=options) as channel,
        Stream(channel, [init(manifest)], timeout=_SECONDS, wait_for_ready=True) as running,
    ):
        try:
            running.wait_ready()
            opened = time.monotonic()
            reader = threading.Thread(target=_read, args=[running, received])
            reader.start()
            while time.monotonic() < opened + seconds and reader.is_alive():
                running.send(chunk(json_buffer(sent), sent))
                sent += 1
                time.sleep(CHUNK_SECONDS)  # the pace of the speaker
            running.send(control("CLOSE"))
            reader.join(_SECONDS)
            if running.call.code() is not grpc.StatusCode.OK:
                error = f"{running.call.code()}: {running.call.details()}"
        except grpc.RpcError as failure:
            error = f"{failure.code()}: {failure.details()}"
    with lock:
        outcome.openings.append(opened - began)
        outcome.lost += sent - len(received)
        if error:
            outcome.errors.append(error)


def _read(running: Stream, received: set[int]) -> None:
    try:
        for response in running:
            if response.HasField("result"):
                received.add(response.result.sequence)
    except grpc.RpcError:
        pass  # its code is read afterwards


def moving_stream(target: str, seconds: float, outcome: Outcome, lock: threading.Lock) -> None:
    """Run one session with the client of this project, which moves it; count as `stream` does."""
    sequences: list[int] = []
    addresses: list[str] = []
    sent, error, opening = 0, "", 0.0

    async def run() -> None:
        nonlocal sent, opening
        began = time.monotonic()
        async with (
            connect(target.removeprefix("ipv4:")) as servers,
            servers.stream(_moving_manifest()) as running,
        ):
            await running.wait_ready()
            opened = time.monotonic()
            opening = opened - began

            async def receive() -> None:
                async for result in running:
                    sequences.append(result.sequence)
                    if running.address not in addresses[-1:]:
                        addresses.append(running.address)

            async with asyncio.TaskGroup() as group:
                group.create_task(receive())
                while time.monotonic() < opened + seconds:
                    await running.send(Json(sent), sequence=sent)
                    sent += 1
                    await asyncio.sleep(CHUNK_SECONDS)  # the pace of the speaker
                await running.close()

    try:
        asyncio.run(run())
    except* MillraceError as failures:
        error = str(failures.exceptions[0])
    with lock:
        outcome.openings.append(opening)
        outcome.lost += sent - len(set(sequences))
        outcome.twice += len(sequences) - len(set(sequences))
        outcome.moves += len(addresses) - 1
        if sequences != sorted(sequences):
            outcome.errors.append("results in another order")
        if error:
            outcome.errors.append(error)


def _moving_manifest() -> dict[str, Any]:
    return {
        "version": "v1",
        "metadata": {"name": "moving"},
        "nodes": [{"id": "a", "node_type": "PassThrough"}],
        "connections": [],
    }


def roll(
    balancer: Any,
    *,
    client: Any = stream,
    sessions: int = SESSIONS,
    lasting: tuple[float, float] = (SHORTEST_SECONDS, LONGEST_SECONDS),
    drain_seconds: float = DRAIN_SECONDS,
) -> Outcome:
    """Roll each replica once, while sessions start all the time."""
    outcome, lock = Outcome(), threading.Lock()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        ports = free_ports(2 * REPLICAS)
        replicas = []
        for number in range(REPLICAS):
            own = folder / str(number)
            own.mkdir()
            replica = Replica(own, ports[2 * number], ports[2 * number + 1], drain_seconds)
            stack.callback(replica.close)
            replicas.append(replica)
        target = stack.enter_context(balancer(folder, replicas))
        rng = random.Random(1)
        threads = []

        def start_sessions() -> None:
            for _ in range(sessions):
                seconds = rng.uniform(*lasting)
                thread = threading.Thread(target=client, args=[target, seconds, outcome, lock])
                thread.start()
                threads.append(thread)
                time.sleep(0.5)  # the rate of arrivals

        starting = threading.Thread(target=start_sessions)
        starting.start()
        time.sleep(3)  # a part of the sessions is running then
        for replica in replicas:
            outcome.stops.append(replica.stop())
            replica.start()
            time.sleep(1)  # as a rollout waits until a new replica is known
        starting.join()
        for thread in threads:
            thread.join()
    return outcome


def main() -> None:
    """Run the measurement for every balancer that is installed."""
    balancers: dict[str, Any] = {"grpcio round_robin with health": no_balancer}
    if shutil.which("haproxy"):
        balancers["HAProxy, TCP"] = lambda *where: haproxy("tcp.cfg", *where)
        balancers["HAProxy, HTTP/2"] = lambda *where: haproxy("grpc.cfg", *where)
    if shutil.which("nginx"):
        balancers["nginx grpc_pass"] = nginx
    report = Report(
        "rolling",
        f"{SESSIONS} sessions of 3 to 8 s, one every 0.5 s, while {REPLICAS} replicas are rolled "
        "one after another by SIGTERM; clients have gRPC's retry policy",
        ("", "results lost", "errors", "longest opening, s", "longest stop, s"),
    )
    for name, balancer in balancers.items():
        outcome = roll(balancer)
        report.add(
            name,
            lost=outcome.lost,
            errors=len(outcome.errors),
            opening=max(outcome.openings),
            stop=max(outcome.stops),
        )
        for error in sorted(set(outcome.errors)):
            print(f"{name}: {error}", file=sys.stderr)
    report.show()
    moving = Report(
        "rolling_moving",
        f"{MOVING_SESSIONS} sessions of 10 to 20 s of runtime.client, which move, with a drain of "
        f"{SHORT_DRAIN_SECONDS:g} s, while {REPLICAS} replicas are rolled as above",
        ("", "results lost", "results twice", "errors", "moves", "longest stop, s"),
    )
    outcome = roll(
        no_balancer,
        client=moving_stream,
        sessions=MOVING_SESSIONS,
        lasting=MOVING_SECONDS,
        drain_seconds=SHORT_DRAIN_SECONDS,
    )
    moving.add(
        "runtime.client with three addresses",
        lost=outcome.lost,
        twice=outcome.twice,
        errors=len(outcome.errors),
        moves=outcome.moves,
        stop=max(outcome.stops),
    )
    for error in sorted(set(outcome.errors)):
        print(f"moving: {error}", file=sys.stderr)
    moving.show()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
