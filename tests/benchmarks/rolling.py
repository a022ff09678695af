"""Three replicas behind a balancer, each rolled by SIGTERM while clients stream: what is lost."""

import argparse
import asyncio
import itertools
import json
import random
import shutil
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import grpc

from actors import Text
from runtime import MillraceError
from runtime.client import connect
from tests.service.grpcio_client import Stream
from tests.service.messages import chunk, control, init, json_buffer, pipeline

from .replicas import REPLICAS, haproxy, nginx, no_balancer, running_replicas
from .report import Report

SESSIONS: Final = 60
# Of a session; chunks come every 50 ms, as those of a slow speaker.
SHORTEST_SECONDS, LONGEST_SECONDS = 3.0, 8.0
CHUNK_SECONDS: Final = 0.05
DRAIN_SECONDS: Final = 15.0
# Of the sessions that are longer than the drain, which move.
MOVING_SESSIONS: Final = 20
MOVING_SECONDS: Final = (10.0, 20.0)
SHORT_DRAIN_SECONDS: Final = 3.0
# Sessions of one server at most, where nearly all places of the three are taken.
PLACES: Final = 22
_SECONDS: Final = 60.0

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
    manifest = pipeline({"a": "PassThrough"})
    sent, error = 0, ""
    received: set[int] = set()
    began = opened = time.monotonic()
    with (
        _channel(target) as channel,
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


def _channel(target: str) -> grpc.Channel:
    """Return a channel with gRPC's own retry policy."""
    sees_servers = target.startswith("ipv4:")
    config = SERVICE_CONFIG | HEALTH_CHECKS if sees_servers else SERVICE_CONFIG
    options = [
        ("grpc.service_config", json.dumps(config)),
        ("grpc.enable_retries", 1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    return grpc.insecure_channel(target, options=options)


def _read(running: Stream, received: set[int]) -> None:
    try:
        for response in running:
            if response.HasField("result"):
                received.add(response.result.sequence)
    except grpc.RpcError:
        pass  # its code is read afterwards


def moving_stream(
    manifest: dict[str, Any], target: str, seconds: float, outcome: Outcome, lock: threading.Lock
) -> None:
    """Run one session with the client of this project, which moves it; count as `stream` does."""
    numbers: list[int] = []
    addresses: list[str] = []
    sent, error, opening = 0, "", 0.0

    async def run() -> None:
        nonlocal sent, opening
        began = time.monotonic()
        async with (
            connect(target.removeprefix("ipv4:")) as servers,
            servers.stream(manifest) as running,
        ):
            await running.wait_ready()
            opened = time.monotonic()
            opening = opened - began

            async def receive() -> None:
                async for result in running:
                    assert isinstance(result.data, Text)
                    # "Echo #7: 6": the counter of the stateful pipeline has to go on, too.
                    words = result.data.text.replace(":", "").replace("#", "").split()
                    number = int(words[-1])
                    assert int(words[1]) == number + 1 if len(words) > 1 else True, words
                    numbers.append(number)
                    if running.address not in addresses[-1:]:
                        addresses.append(running.address)

            async with asyncio.TaskGroup() as group:
                group.create_task(receive())
                while time.monotonic() < opened + seconds:
                    await running.send(Text(str(sent)), sequence=sent)
                    sent += 1
                    await asyncio.sleep(CHUNK_SECONDS)  # the pace of the speaker
                await running.close()

    try:
        asyncio.run(run())
    except* (MillraceError, AssertionError) as failures:
        error = str(failures.exceptions[0])
    with lock:
        outcome.openings.append(opening)
        outcome.lost += sent - len(set(numbers))
        outcome.twice += len(numbers) - len(set(numbers))
        outcome.moves += len(addresses) - 1
        if numbers != sorted(numbers):
            outcome.errors.append("results in another order")
        if error:
            outcome.errors.append(error)


def _moving_manifest(nodes: dict[str, str], executors: dict[str, str]) -> dict[str, Any]:
    return {
        "version": "v1",
        "metadata": {"name": "moving", "multiprocess": {"executor_overrides": executors}},
        "nodes": [{"id": name, "node_type": kind} for name, kind in nodes.items()],
        "connections": [{"from": a, "to": b} for a, b in itertools.pairwise(nodes)],
    }


STATELESS: Final = _moving_manifest({"a": "PassThrough"}, {})
# A counter in a process of its own, and windows of ten of its outputs in the server.
STATEFUL: Final = _moving_manifest(
    {"count": "EchoNode", "windows": "WindowNode"},
    {"count": "multiprocess", "windows": "native"},
)


def fill(balancer: Any) -> float:
    """Open sessions at once for nearly all places; return the share that was refused."""
    refused = 0
    with (
        running_replicas(0, places=PLACES) as (folder, replicas),
        balancer(folder, replicas) as target,
        ExitStack() as stack,
    ):
        streams = []
        for _ in range(SESSIONS):
            channel = stack.enter_context(_channel(target))
            first = init(pipeline({"a": "PassThrough"}))
            streams.append(Stream(channel, [first], timeout=_SECONDS, wait_for_ready=True))
            stack.enter_context(streams[-1])
        for each in streams:
            try:
                each.wait_ready()
            except grpc.RpcError:
                refused += 1
    return refused / SESSIONS


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
    with (
        running_replicas(drain_seconds) as (folder, replicas),
        balancer(folder, replicas) as target,
    ):
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
    filling = Report(
        "rolling_places",
        f"{SESSIONS} sessions on {REPLICAS} servers with {PLACES} places each",
        ("", "refused, %"),
    )
    for name, balancer in balancers.items():
        filling.add(name, refused=100 * fill(balancer))
    filling.show()
    moving = Report(
        "rolling_moving",
        f"{MOVING_SESSIONS} sessions of 10 to 20 s of runtime.client, which move, with a drain of "
        f"{SHORT_DRAIN_SECONDS:g} s, while {REPLICAS} replicas are rolled as above",
        (
            "",
            "results lost",
            "results twice",
            "errors",
            "moves",
            "longest opening, s",
            "longest stop, s",
        ),
    )
    for name, manifest in {
        "stateless nodes": STATELESS,
        "a counter and windows, with their state": STATEFUL,
    }.items():
        outcome = roll(
            no_balancer,
            client=partial(moving_stream, manifest),
            sessions=MOVING_SESSIONS,
            lasting=MOVING_SECONDS,
            drain_seconds=SHORT_DRAIN_SECONDS,
        )
        moving.add(
            name,
            lost=outcome.lost,
            twice=outcome.twice,
            errors=len(outcome.errors),
            moves=outcome.moves,
            opening=max(outcome.openings),
            stop=max(outcome.stops),
        )
        for error in sorted(set(outcome.errors)):
            print(f"{name}: {error}", file=sys.stderr)
    moving.show()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
