"""Throughput of one and of two server processes on one port: `millrace serve --workers`."""

import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Final

import grpc
import psutil

from runtime.session import worker_of
from runtime.wire import (
    Connection,
    ManifestMetadata,
    NodeManifest,
    PipelineManifest,
    StreamInit,
    StreamRequest,
    StreamResponse,
)

from .grpc_clients import STREAM, UNBOUNDED, audio_chunk
from .report import Report, median

TURNS: Final = 7
STREAMS: Final = 8
SIZE: Final = 640
# A stream has so many chunks on the way, so that both sides are always busy.
WINDOW: Final = 32
_LISTENING: Final = re.compile(r"listening on \S+:(\d+);")


class Load:
    """One stream in a connection of its own."""

    def __init__(self, port: int, manifest: PipelineManifest) -> None:
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        options = [*UNBOUNDED, ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self._responses = self._channel.stream_stream(STREAM)(iter(self._requests.get, None))
        init = StreamInit(manifest=manifest, client_version="benchmark")
        self._requests.put(bytes(StreamRequest(init=init)))
        ready = next(
            found.ready
            for each in self._responses
            if (found := StreamResponse.parse(each)).ready is not None
        )
        assert ready is not None
        self.worker = worker_of(ready.session_id)

    def run(self, message: bytes, count: int) -> None:
        """Send a message so many times, and take as many results."""
        sent = min(WINDOW, count)
        for _ in range(sent):
            self._requests.put(message)
        taken = 0
        while taken < count:
            # A shorter message is no result but metrics.
            if len(next(self._responses)) >= SIZE // 2:
                taken += 1
                if sent < count:
                    self._requests.put(message)
                    sent += 1

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)
        self._channel.close()


def pipeline(*types: str) -> PipelineManifest:
    """Return a chain of native nodes; the first one is "echo"."""
    names = ["echo", *(f"n{number}" for number in range(1, len(types)))]
    return PipelineManifest(
        version="v1",
        metadata=ManifestMetadata(name="load"),
        nodes=[NodeManifest(id=n, node_type=t) for n, t in zip(names, types, strict=True)],
        connections=[
            Connection(from_=one, to=other) for one, other in zip(names, names[1:], strict=False)
        ],
    )


LOADS: Final = {
    "echo": (pipeline("PassThrough"), 2000),
    "8 native nodes": (pipeline(*["PassThrough"] * 8), 600),
}


@contextmanager
def serving(workers: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run `millrace serve`; yield the port and its process."""
    command = [sys.executable, "-m", "runtime", "serve", "--bind", "127.0.0.1:0"]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [*command, "--workers", str(workers)], stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        port = next(int(m[1]) for line in process.stderr if (m := _LISTENING.search(line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def streams_at(port: int, workers: int, manifest: PipelineManifest) -> list[Load]:
    """Open streams, the same number at each worker: the kernel spreads few connections unevenly."""
    kept: list[Load] = []
    while len(kept) < STREAMS:
        load = Load(port, manifest)
        at_this = sum(each.worker == load.worker for each in kept)
        if at_this < STREAMS // workers:
            kept.append(load)
        else:
            load.close()
    return kept


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of the server's processes."""
    found = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in found)


def turn(process: psutil.Process, loads: list[Load], count: int) -> tuple[float, float]:
    """Run all streams together; return messages a second, and the server's us for each."""
    message = audio_chunk(SIZE)
    threads = [threading.Thread(target=load.run, args=(message, count)) for load in loads]
    before, began = cpu_seconds(process), time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    total = count * len(loads)
    took = time.perf_counter() - began
    return total / took, (cpu_seconds(process) - before) / total * 1e6


def main() -> None:
    """Run the measurement."""
    report = Report(
        "workers",
        f"{STREAMS} streams of {SIZE} B chunks to one and to two workers",
        ("", "1: msg/s", "2: msg/s", "2 / 1", "1: CPU us", "2: CPU us"),
    )
    with serving(1) as (one, one_process), serving(2) as (two, two_process):
        for name, (manifest, count) in LOADS.items():
            with ExitStack() as opened:
                first, second = streams_at(one, 1, manifest), streams_at(two, 2, manifest)
                for load in (*first, *second):
                    opened.callback(load.close)
                turns = [
                    (turn(one_process, first, count), turn(two_process, second, count))
                    for _ in range(TURNS)
                ]
            report.add(
                name,
                one_rate=median(one[0] for one, _ in turns),
                two_rate=median(two[0] for _, two in turns),
                ratio=median(two[0] / one[0] for one, two in turns),
                one_cpu=median(one[1] for one, _ in turns),
                two_cpu=median(two[1] for _, two in turns),
            )
    report.show()


if __name__ == "__main__":
    main()
