"""The process of the Ray driver: the only one of the server that imports Ray.

A driver ends the process that it is in when the GCS of its cluster has not answered for a minute,
and has 25 threads. Here it can do no harm. It ends with the server: a thread reads the socket to
it, and the end of file ends the process, whatever Ray waits for.
"""

import os
import queue
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from typing import Any, Final

import msgspec
import ray
from ray.exceptions import RayActorError, RayError, RayTaskError

from ...socket_process.ray import OpenedWorker, RayWorker
from .driver_messages import (
    ClusterNode,
    Connect,
    Connected,
    EndWorker,
    FromDriver,
    Place,
    Refused,
    RunNode,
    Survey,
    Surveyed,
    ToDriver,
    WorkerEnded,
    WorkerOpened,
    line_of,
)

_NAMESPACE: Final = "millrace"
# What follows are guesses.
_GUESSES: Final = " Some common causes include"


class Driver:
    """Does what the server requests, one request after the other.

    Calls of Ray wait for the GCS, for a minute if it does not answer: they are made in the main
    thread, where Ray expects them.
    """

    def __init__(
        self, send: Callable[[FromDriver], None], request: Callable[[ToDriver], None]
    ) -> None:
        """Create it.

        Args:
            send: sends a message to the server.
            request: lets the main thread carry out a request.
        """
        self._send = send
        self._request = request
        self._actors: dict[int, Any] = {}
        self._actor_type = ray.remote(RayWorker)

    def connect(self, address: str) -> bool:
        """Connect to the cluster; return whether that worked."""
        try:
            context = ray.init(
                address=address or "auto",
                namespace=_NAMESPACE,
                log_to_driver=False,
                configure_logging=False,
            )
        except (RayError, RuntimeError, ConnectionError, ValueError, OSError) as error:
            self._send(Refused(" ".join(str(error).split()) or type(error).__name__))
            return False
        info = context.address_info
        self._send(Connected(ray.__version__, info["node_ip_address"], info["gcs_address"]))
        return True

    def handle(self, request: ToDriver) -> None:
        """Carry out a request."""
        match request:
            case Place():
                self._place(request)
            case RunNode():
                actor = self._actors.get(request.worker)
                if actor is not None:
                    ended = actor.run.remote(
                        request.key,
                        request.sys_path,
                        request.silence_seconds,
                        request.certificate,
                    ).future()
                    ended.add_done_callback(partial(self._report_end, request.worker))
            case EndWorker(worker):
                actor = self._actors.pop(worker, None)
                if actor is not None:
                    with suppress(RayError):
                        ray.kill(actor)
            case Survey(number):
                self._send(Surveyed(number, cluster_nodes()))

    def _place(self, request: Place) -> None:
        actor = self._actor_type.options(
            num_cpus=request.cpus,
            num_gpus=request.gpus,
            memory=request.memory_bytes or None,
            label_selector=request.labels or None,
            max_restarts=0,
            max_task_retries=0,
        ).remote()
        self._actors[request.worker] = actor
        opened: Future[OpenedWorker] = actor.open.remote().future()
        opened.add_done_callback(partial(self._report_open, request.worker))

    # Both are called in a thread of Ray's.

    def _report_open(self, worker: int, opened: "Future[OpenedWorker]") -> None:
        error = opened.exception()
        if error is None:
            self._send(WorkerOpened(worker, opened.result()))
        else:
            self._request(EndWorker(worker))
            self._send(WorkerEnded(worker, reason_of(error)))

    def _report_end(self, worker: int, run: "Future[None]") -> None:
        error = run.exception()
        self._request(EndWorker(worker))  # forgets it
        self._send(WorkerEnded(worker, "" if error is None else reason_of(error)))


def cluster_nodes() -> list[ClusterNode]:
    """Return the nodes of the cluster that are alive."""
    # Not public, and without an alternative that needs no dashboard; a test checks it.
    free = ray._private.state.available_resources_per_node()
    return [
        ClusterNode(
            node["NodeID"],
            node["NodeManagerAddress"],
            node["NodeManagerHostname"],
            _plain(node["Resources"]),
            _plain(free.get(node["NodeID"], {})),
            dict(node["Labels"]),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def _plain(resources: dict[str, Any]) -> dict[str, float]:
    return {name: float(amount) for name, amount in resources.items() if ":" not in name}


def reason_of(error: BaseException) -> str:
    """Return what Ray says of a worker's end, in one line without its tables and guesses."""
    if isinstance(error, RayTaskError):
        return f"{type(error.cause).__name__}: {error.cause}"
    lines = [" ".join(line.split()) for line in str(error).splitlines()]
    if isinstance(error, RayActorError):
        lines = [line for line in lines if not _is_identifier(line)]
    text = " ".join(filter(None, lines)).partition(_GUESSES)[0]
    if "Traceback" in text or "raised in its creation task" in text:
        text = lines[-1]  # the exception itself
    return text.rpartition("Worker exit detail: ")[2] or type(error).__name__


def _is_identifier(line: str) -> bool:
    """Return whether a line is such as "pid: 17"."""
    name, colon, _ = line.partition(":")
    return bool(colon) and name in {"class_name", "actor_id", "pid", "name", "namespace", "ip"}


def main(descriptor: int) -> None:
    """Serve the server at the other end of a socket until it closes it."""
    sock = socket.socket(fileno=descriptor)
    turn = threading.Lock()
    requests: queue.SimpleQueue[ToDriver] = queue.SimpleQueue()

    def send(message: FromDriver) -> None:
        with turn, suppress(OSError):
            sock.sendall(line_of(message))

    def read() -> None:
        decode = msgspec.json.Decoder(ToDriver).decode
        try:
            with sock.makefile("rb") as lines:
                for line in lines:
                    requests.put(decode(line))  # the last one may be a part, of a server killed
        finally:
            os._exit(0)  # Ray ends the workers of a driver that is gone

    threading.Thread(target=read, daemon=True).start()
    first = requests.get()
    driver = Driver(send, requests.put)
    if not isinstance(first, Connect) or not driver.connect(first.address):
        os._exit(1)
    try:
        while True:
            driver.handle(requests.get())
    except BaseException:  # noqa: BLE001 (the server takes the last line for the reason)
        traceback.print_exc()
    finally:
        # At the regular end of an interpreter Ray waits for the cluster, and the reader stops.
        sys.stderr.flush()
        os._exit(1)


if __name__ == "__main__":
    main(int(sys.argv[1]))
