"""HTTP/2 frames in random order to a live server: it serves all others, and logs no traceback."""

import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import hpack
from hypothesis import strategies as st

from tests.service.messages import chunk, control, init, json_buffer, make, pipeline
from tests.service.raw_client import GET_VERSION, STREAM_PIPELINE, RawClient, frame, raw_client
from tests.service.serve_process import ServeProcess, serve_process

_SECONDS: Final = 60.0
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _PRIORITY, _RESET, _SETTINGS, _PUSH, _PING, _GOAWAY, _WINDOW, _CONTINUATION = (
    range(10)
)

Frame = tuple[int, int, int, bytes]
"""Type, flags, stream id, payload."""


@dataclass(frozen=True)
class Call:
    """HEADERS of a call; compressed when sent, since that depends on those before.

    Attributes:
        stream: its id.
        flags: END_HEADERS, END_STREAM and others.
        path: of the rpc.
        headers: more of them, also such as no call has.
        cut: how much of the block comes in a CONTINUATION.
    """

    stream: int
    flags: int
    path: str
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    cut: int = 0


_STREAMS = st.sampled_from([1, 1, 1, 3, 3, 5, 7, 0, 2, 2**31 - 1])
_FLAGS = st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x2D]) | st.integers(0, 255)
_CODES = st.integers(0, 14).map(lambda code: struct.pack(">I", code))
_NUMBERS = st.sampled_from([0, 1, 65535, 2**31 - 1, 2**32 - 1]).map(
    lambda number: struct.pack(">I", number)
)
_BODIES = st.sampled_from(
    [
        frame(init(pipeline({"a": "PassThrough"}))),
        frame(chunk(json_buffer({"n": 1}), 1)),
        frame(chunk(json_buffer({"n": 1}), 1, node="nobody")),
        frame(control("CLOSE")),
        frame(control("CANCEL")),
        frame(make("VersionRequest", client_version="v1")),
        b"\0\0\0\0",
        b"\0\xff\xff\xff\xff",
        frame(b"\xff\xff"),
    ]
)
_ODD_HEADERS = st.sampled_from(
    [
        (b"grpc-timeout", b"1n"),
        (b"grpc-timeout", b"soon"),
        (b"grpc-timeout", b"99999999H"),
        (b"x-trace-bin", b"***"),
        (b"x-trace-bin", b"AAA"),
        (b"x-note", b"\xff\xfe"),
        (b"X-Upper", b"case"),
        (b"content-length", b"5"),
        (b"content-length", b"many"),
        (b"grpc-encoding", b"gzip"),
        (b"connection", b"close"),
        (b":path", b"/again"),
        (b"te", b"gzip"),
        (b"", b"nameless"),
        (b"authorization", b"Bearer \xc3\xa9"),
    ]
)
_CALLS = st.builds(
    Call,
    _STREAMS,
    st.sampled_from([4, 4, 4, 5, 0, 1, 0x24, 0x0C]),
    st.sampled_from([STREAM_PIPELINE, STREAM_PIPELINE, GET_VERSION, "/nowhere", "", "*"]),
    st.lists(_ODD_HEADERS, max_size=2),
    st.sampled_from([0, 0, 1, 10]),
)


def _frames(kind: int, payloads: st.SearchStrategy[bytes]) -> st.SearchStrategy[Frame]:
    return st.tuples(st.just(kind), _FLAGS, _STREAMS, payloads)


_STEPS: st.SearchStrategy[Call | Frame] = st.one_of(
    _CALLS,
    _CALLS,
    st.tuples(st.just(_DATA), st.sampled_from([0, 0, 0, 1, 8]), _STREAMS, _BODIES),
    st.tuples(st.just(_DATA), st.sampled_from([0, 0, 0, 1, 8]), _STREAMS, _BODIES),
    _frames(_DATA, st.binary(max_size=300)),
    _frames(_RESET, _CODES | st.binary(max_size=6)),
    _frames(_WINDOW, _NUMBERS | st.binary(max_size=6)),
    _frames(
        _SETTINGS,
        st.lists(st.tuples(st.integers(0, 9), _NUMBERS), max_size=4).map(
            lambda pairs: b"".join(struct.pack(">H", name) + value for name, value in pairs)
        ),
    ),
    _frames(_PING, st.just(b"12345678") | st.binary(max_size=10)),
    _frames(_PRIORITY, st.binary(min_size=5, max_size=5) | st.binary(max_size=6)),
    _frames(_GOAWAY, _NUMBERS.flatmap(lambda last: _CODES.map(lambda code: last + code))),
    st.sampled_from([_PUSH, _CONTINUATION, 10, 200]).flatmap(
        lambda kind: _frames(kind, st.binary(max_size=50))
    ),
)
EXAMPLES: st.SearchStrategy[tuple[list[Call | Frame], list[int]]] = st.tuples(
    st.lists(_STEPS, max_size=25), st.lists(st.integers(1, 400), max_size=6)
)


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Start a server, and return the check."""
    with serve_process() as server:
        with raw_client(server.port) as neighbour:
            yield lambda example: _check(server, neighbour, *example)
        assert server.stop() == 0


def _check(
    server: ServeProcess, neighbour: RawClient, steps: list[Call | Frame], cuts: list[int]
) -> None:
    """Send the frames, cut anywhere; the connection ends when we end it, or before."""
    logged = len(server.log())
    encoder = hpack.Encoder()
    whole = _PREFACE + _written((_SETTINGS, 0, 0, b""))
    whole += b"".join(_bytes_of(step, encoder) for step in steps)
    with socket.create_connection(("127.0.0.1", server.port), timeout=_SECONDS) as sock:
        try:
            for size in cuts:
                sock.sendall(whole[:size])
                whole = whole[size:]
            sock.sendall(whole)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except TimeoutError:  # it neither answers nor closes
            raise
        except OSError:
            pass
    assert server.is_running()
    stream = neighbour.call(GET_VERSION, frame(make("VersionRequest")), end=True)
    assert neighbour.status(stream) == 0
    log = server.log()[logged:]
    assert "Traceback" not in log, log


def _bytes_of(step: Call | Frame, encoder: hpack.Encoder) -> bytes:
    if not isinstance(step, Call):
        return _written(step)
    block = encoder.encode(
        [
            (b":method", b"POST"),
            (b":scheme", b"http"),
            (b":path", step.path.encode()),
            (b":authority", b"test"),
            (b"te", b"trailers"),
            (b"content-type", b"application/grpc"),
            *step.headers,
        ]
    )
    if not step.cut:
        return _written((_HEADERS, step.flags, step.stream, block))
    return _written((_HEADERS, step.flags & ~4, step.stream, block[: step.cut])) + _written(
        (_CONTINUATION, 4, step.stream, block[step.cut :])
    )


def _written(one: Frame) -> bytes:
    kind, flags, stream, payload = one
    return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload
