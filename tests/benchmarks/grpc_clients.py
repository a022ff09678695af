"""Clients with grpcio that send raw bytes, the same for our server and for its floor."""

import queue
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from runtime.wire import (
    AudioBuffer,
    AudioFormat,
    DataBuffer,
    DataChunk,
    ManifestMetadata,
    MultiprocessConfig,
    NodeManifest,
    PipelineManifest,
    StreamInit,
    StreamRequest,
    StreamResponse,
)

ECHO = "/raw/Echo"
STREAM = "/remotemedia.v1.StreamingPipelineService/StreamPipeline"
UNBOUNDED = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def init(executor: str, node_type: str = "PassThrough") -> bytes:
    """Return a first request for a pipeline of one node."""
    settings = MultiprocessConfig(executor_overrides={"echo": executor})
    manifest = PipelineManifest(
        version="v1",
        metadata=ManifestMetadata(name="echo", multiprocess=settings),
        nodes=[NodeManifest(id="echo", node_type=node_type)],
    )
    return bytes(StreamRequest(init=StreamInit(manifest=manifest, client_version="benchmark")))


@contextmanager
def server(module: str, *arguments: str) -> Iterator[tuple[int, int]]:
    """Run a module that prints its port; yield the port and the process id."""
    command = [sys.executable, "-m", f"{__package__}.{module}", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline()), process.pid
        finally:
            process.kill()


def audio_chunk(size: int) -> bytes:
    """Return a request with a chunk of that many bytes of audio."""
    audio = AudioBuffer(
        samples=bytes(size),
        sample_rate=16000,
        channels=1,
        format=AudioFormat.F32,
        num_samples=size // 4,
    )
    chunk = DataChunk(node_id="echo", sequence=5, buffer=DataBuffer(audio=audio))
    return bytes(StreamRequest(data_chunk=chunk))


class EchoStream:
    """One stream; responses are counted, not decoded."""

    def __init__(self, port: int, path: str) -> None:
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=UNBOUNDED)
        call = self._channel.stream_stream(path)
        self._responses = call(iter(self._requests.get, None))

    def open_session(self, executor: str = "native") -> None:
        """Send the manifest, and wait until the session is ready."""
        self._requests.put(init(executor))
        next(each for each in self._responses if StreamResponse.parse(each).ready is not None)

    def round_trip(self, message: bytes, size: int) -> float:
        """Send a message and wait for the answer; return the time in microseconds."""
        began = time.perf_counter()
        self._requests.put(message)
        self._wait(1, size)
        return (time.perf_counter() - began) * 1e6

    def throughput(self, message: bytes, size: int, count: int) -> float:
        """Send a message many times, without waiting; return messages a second."""
        began = time.perf_counter()
        for _ in range(count):
            self._requests.put(message)
        self._wait(count, size)
        return count / (time.perf_counter() - began)

    def close(self) -> None:
        """End the stream."""
        self._requests.put(None)
        self._channel.close()

    def _wait(self, count: int, size: int) -> None:
        # A shorter message is not an echo but metrics.
        while count:
            count -= len(next(self._responses)) >= size
