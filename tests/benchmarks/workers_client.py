"""Clients of a server with workers: `python -m ... PORT WORKERS NODES STREAMS`.

It opens the streams, the same number at each worker, and prints "ready". For each number that it
reads it sends as many chunks on every stream, and prints "done" when it has all results.
"""

import sys
import threading
from itertools import pairwise
from queue import SimpleQueue
from typing import Final

import grpc

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

SIZE: Final = 640
# A stream has so many chunks on the way, so that both sides are always busy.
_WINDOW: Final = 32


class _Load:
    """One stream in a connection of its own."""

    def __init__(self, port: int, nodes: int) -> None:
        self._requests: SimpleQueue[bytes | None] = SimpleQueue()
        options = [*UNBOUNDED, ("grpc.use_local_subchannel_pool", 1)]
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self._responses = self._channel.stream_stream(STREAM)(iter(self._requests.get, None))
        init = StreamInit(manifest=_pipeline(nodes), client_version="benchmark")
        self._requests.put(bytes(StreamRequest(init=init)))
        ready = next(
            found.ready
            for each in self._responses
            if (found := StreamResponse.parse(each)).ready is not None
        )
        assert ready is not None
        # A server that is one process has no numbers of workers in its ids.
        self.worker = worker_of(ready.session_id)

    def run(self, message: bytes, count: int) -> None:
        """Send a message so many times, and take as many results."""
        sent = min(_WINDOW, count)
        for _ in range(sent):
            self._requests.put(message)
        taken = 0
        while taken < count:
            # A shorter message is no result but metrics.
            if len(next(self._responses)) >= SIZE:
                taken += 1
                if sent < count:
                    self._requests.put(message)
                    sent += 1

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)
        self._channel.close()


def _pipeline(nodes: int) -> PipelineManifest:
    """Return a chain of native nodes; the first one is "echo"."""
    names = ["echo", *(f"n{number}" for number in range(1, nodes))]
    return PipelineManifest(
        version="v1",
        metadata=ManifestMetadata(name="load"),
        nodes=[NodeManifest(id=name, node_type="PassThrough") for name in names],
        connections=[Connection(from_=one, to=other) for one, other in pairwise(names)],
    )


def _opened(port: int, workers: int, nodes: int, streams: int) -> list[_Load]:
    """Open the streams: the kernel spreads few connections unevenly, so some are closed again."""
    kept: list[_Load] = []
    while len(kept) < streams:
        load = _Load(port, nodes)
        if workers == 1 or sum(k.worker == load.worker for k in kept) < streams // workers:
            kept.append(load)
        else:
            load.close()
    return kept


def main(port: int, workers: int, nodes: int, streams: int) -> None:
    """Run turns as they are asked for."""
    loads = _opened(port, workers, nodes, streams)
    message = audio_chunk(SIZE)
    print("ready", flush=True)
    for line in sys.stdin:
        threads = [threading.Thread(target=each.run, args=(message, int(line))) for each in loads]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print("done", flush=True)
    for each in loads:
        each.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
