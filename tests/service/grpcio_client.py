"""A client on grpcio, the C-core implementation, with the official protobuf runtime's messages."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Self

import pytest

pytest.importorskip("grpc", reason="grpcio is missing: install the dev extra")

import grpc

from tests.service.messages import init, make, message_class

SECONDS = 30.0
"""A call that takes longer has failed; nothing here takes a tenth of it."""

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.use_local_subchannel_pool", 1),
)
_EXECUTION = "/remotemedia.v1.PipelineExecutionService"
_STREAMING = "/remotemedia.v1.StreamingPipelineService/StreamPipeline"


class Client:
    """A channel, and the calls of the contract on it."""

    def __init__(self, channel: grpc.Channel, *, token: str | None = None) -> None:
        self.channel = channel
        self.metadata = () if token is None else (("authorization", f"Bearer {token}"),)

    def unary(self, path: str, request: Any, response: str, **options: Any) -> Any:
        """Call a unary rpc by its path."""
        call = self.channel.unary_unary(
            path,
            request_serializer=_bytes_of,
            response_deserializer=message_class(response).FromString,
        )
        return call(request, **{"timeout": SECONDS, "metadata": self.metadata, **options})

    def execute(self, manifest: Any, inputs: Any = None, **fields: Any) -> Any:
        """Call ExecutePipeline; return its ExecuteResponse."""
        request = make("ExecuteRequest", manifest=manifest, data_inputs=inputs or {}, **fields)
        return self.unary(f"{_EXECUTION}/ExecutePipeline", request, "ExecuteResponse")

    def version(self, client_version: str = "test", **options: Any) -> Any:
        """Call GetVersion."""
        request = make("VersionRequest", client_version=client_version)
        return self.unary(f"{_EXECUTION}/GetVersion", request, "VersionResponse", **options)

    def health(self, service: str = "", **options: Any) -> int:
        """Call the health service; return the status's number."""
        request = make("grpc.health.v1.HealthCheckRequest", service=service)
        path, response = "/grpc.health.v1.Health/Check", "grpc.health.v1.HealthCheckResponse"
        return int(self.unary(path, request, response, **options).status)

    def stream(self, *requests: Any, **options: Any) -> "Stream":
        """Open a stream, and send its first requests."""
        return Stream(self.channel, requests, **{"metadata": self.metadata, **options})

    def pipeline(self, manifest: Any, *requests: Any, **init_fields: Any) -> "Stream":
        """Open a stream with an init and what follows it."""
        return self.stream(init(manifest, **init_fields), *requests)


class Stream:
    """One call of StreamPipeline, as a context manager that cancels what still runs."""

    def __init__(self, channel: grpc.Channel, requests: Iterable[Any], **options: Any) -> None:
        self._requests: SimpleQueue[Any] = SimpleQueue()
        self.send(*requests)
        call = channel.stream_stream(
            _STREAMING,
            request_serializer=_bytes_of,
            response_deserializer=message_class("StreamResponse").FromString,
        )
        self.call = call(iter(self._requests.get, None), **{"timeout": SECONDS, **options})

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call.cancel()
        self._requests.put(None)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.call)

    def send(self, *requests: Any) -> None:
        """Send requests."""
        for request in requests:
            self._requests.put(request)

    def end(self) -> None:
        """Send no more: half-close."""
        self._requests.put(None)

    def next(self) -> Any:
        """Return the next response."""
        return next(self.call)

    def wait_ready(self) -> Any:
        """Return the `ready`, once every response before it was progress."""
        for response in self.call:
            if response.HasField("ready"):
                return response.ready
            assert response.HasField("init_progress"), response
        raise AssertionError("the stream ended before it was ready")

    def results(self, count: int) -> list[Any]:
        """Return the next ChunkResults; figures may come between them."""
        found: list[Any] = []
        while len(found) < count:
            response = self.next()
            kind = response.WhichOneof("response")
            assert kind in ("result", "metrics"), response
            if kind == "result":
                found.append(response.result)
        return found

    def rest(self) -> "Rest":
        """Read to the end, and return it all by kind."""
        rest = Rest(list(self.call))
        assert self.call.code() is grpc.StatusCode.OK
        return rest


class Rest:
    """The responses of a stream, to its end.

    Attributes:
        kinds: of each, in order.
    """

    def __init__(self, responses: list[Any]) -> None:
        self.kinds = [each.WhichOneof("response") for each in responses]
        self._responses = responses

    def of(self, kind: str) -> list[Any]:
        """Return the members of one kind."""
        return [
            getattr(each, kind) for each in self._responses if each.WhichOneof("response") == kind
        ]

    @property
    def results(self) -> list[Any]:
        """The results."""
        return self.of("result")

    @property
    def sequences(self) -> list[int]:
        """The sequence of each result."""
        return [each.sequence for each in self.results]

    @property
    def error(self) -> Any:
        """The error, which is the last of all, and the only one."""
        assert self.kinds[-1] == "error", self.kinds
        assert self.kinds.count("error") == 1
        return self.of("error")[0]

    @property
    def closed(self) -> Any:
        """The `closed`, which is the last of all."""
        assert self.kinds[-1] == "closed", [self.kinds, *self.of("error")]
        return self.of("closed")[0]

    def values(self, node: str) -> list[Any]:
        """Return the JSON values that a sink gave."""
        return [json.loads(each.data_outputs[node].json.json_payload) for each in self.results]


def _bytes_of(message: Any) -> bytes:
    return message if isinstance(message, bytes) else bytes(message.SerializeToString())


@contextmanager
def connected(
    target: str,
    *,
    credentials: grpc.ChannelCredentials | None = None,
    token: str | None = None,
    options: Iterable[tuple[str, Any]] = (),
) -> Iterator[Client]:
    """Connect a client for as long as the block lasts."""
    settings = [*_OPTIONS, *options]
    if credentials is None:
        channel = grpc.insecure_channel(target, options=settings)
    else:
        channel = grpc.secure_channel(target, credentials, options=settings)
    with channel:
        yield Client(channel, token=token)
