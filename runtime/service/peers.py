"""The other workers of this server, and calls to them over Unix sockets.

A connection carries one call. Each frame has a length, a kind and a body: `open` with the rpc and
the caller's token, `message` both ways, `half_close` from the caller, `status` as the last one. The
end of the connection cancels the call. The sockets lie in the runtime's folder, which belongs to
this user alone, and the other end must be a process of this user.
"""

import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, TypeVar

import betterproto2
import msgspec
import trio
from grpclib.const import Status

from ..errors import MillraceError, PipelineError
from ..session import worker_of
from ..wire.codec import Codec
from .call_errors import CallError, status_of

_HEAD: Final = struct.Struct("<IB")
_READ_BYTES: Final = 64 * 1024
_CREDENTIALS: Final = struct.Struct("3i")
_SOCKET: Final = "calls"
# Messages of the caller that are not received yet; more wait in the socket.
_MOST_WAITING: Final = 16

M = TypeVar("M", bound=betterproto2.Message)


class FrameKind(IntEnum):
    """What a frame holds."""

    OPEN = 0
    MESSAGE = 1
    HALF_CLOSE = 2
    STATUS = 3


class PeerRequest(msgspec.Struct):
    """The first frame: what is called, and for whom.

    Attributes:
        path: of the rpc.
        peer: the address of the client, for the log.
        authorization: the client's header of that name, which the other worker has checked.
    """

    path: str
    peer: str
    authorization: str | None


class PeerStatus(msgspec.Struct):
    """The last frame: how the call has ended."""

    status: int
    message: str


class Frames:
    """Frames over a connection, both ways."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._received = bytearray()

    async def send(self, kind: FrameKind, body: bytes = b"") -> None:
        """Send a frame.

        Raises:
            trio.BrokenResourceError: the other side has ended.
        """
        await self._stream.send_all(_HEAD.pack(len(body), kind) + body)

    async def receive(self) -> tuple[FrameKind, bytes] | None:
        """Return the next frame; None if the other side has ended."""
        head = await self._take(_HEAD.size)
        if head is None:
            return None
        length, kind = _HEAD.unpack(head)
        body = await self._take(length)
        return None if body is None else (FrameKind(kind), body)

    async def close(self) -> None:
        """End the connection."""
        await trio.aclose_forcefully(self._stream)

    async def _take(self, size: int) -> bytes | None:
        while len(self._received) < size:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError:
                return None
            if not data:
                return None
            self._received += data
        taken = bytes(self._received[:size])
        del self._received[:size]
        return taken


class BytesToPeer:
    """A call to another worker, whose messages are bytes."""

    def __init__(self, frames: Frames, worker: int) -> None:
        self._frames = frames
        self._worker = worker

    async def send_bytes(self, body: bytes) -> None:
        """Send a request.

        Raises:
            CallError: the worker has ended.
        """
        await self._send(FrameKind.MESSAGE, body)

    async def half_close(self) -> None:
        """Send no more requests.

        Raises:
            CallError: the worker has ended.
        """
        await self._send(FrameKind.HALF_CLOSE)

    async def receive_bytes(self) -> bytes | None:
        """Return the next response; None after the last one.

        Raises:
            CallError: the call has failed, or the worker has ended.
        """
        frame = await self._frames.receive()
        if frame is None:
            raise _gone(self._worker)
        kind, body = frame
        if kind is FrameKind.MESSAGE:
            return body
        status = msgspec.msgpack.decode(body, type=PeerStatus)
        if status.status:
            raise CallError(Status(status.status), status.message)
        return None

    async def _send(self, kind: FrameKind, body: bytes = b"") -> None:
        try:
            await self._frames.send(kind, body)
        except trio.BrokenResourceError as error:
            raise _gone(self._worker) from error


class PeerCall(BytesToPeer):
    """A call of an rpc to another worker."""

    def __init__(self, frames: Frames, worker: int, codec: Codec) -> None:
        super().__init__(frames, worker)
        self._codec = codec

    async def send(self, message: betterproto2.Message) -> None:
        """Send a request.

        Raises:
            CallError: the worker has ended.
        """
        await self.send_bytes(self._codec.encode(message))

    async def receive(self, response_type: type[M]) -> M | None:
        """Return the next response; None after the last one.

        Raises:
            CallError: the call has failed, or the worker has ended.
        """
        body = await self.receive_bytes()
        return None if body is None else self._codec.decode(body, response_type)


class BytesFromPeer:
    """A call of another worker, whose messages are bytes.

    Attributes:
        peer: the client's address, for the log.
    """

    def __init__(self, request: PeerRequest, frames: Frames) -> None:
        self.peer = request.peer
        self._frames = frames
        self._put, self._messages = trio.open_memory_channel[bytes](_MOST_WAITING)
        self._sending = trio.Lock()

    async def receive_bytes(self) -> bytes | None:
        """Return the next message, or None when the caller has ended its side."""
        try:
            return await self._messages.receive()
        except trio.EndOfChannel:
            return None

    async def send_bytes(self, *bodies: bytes) -> None:
        """Send messages; wait while the caller does not read."""
        async with self._sending:
            for body in bodies:
                await self._send(FrameKind.MESSAGE, body)

    async def end(self, failure: MillraceError | None) -> None:
        """End the call with the status of an error; None means OK."""
        ok = PeerStatus(Status.OK.value, "")
        status = ok if failure is None else PeerStatus(status_of(failure).value, str(failure))
        await self._send(FrameKind.STATUS, msgspec.msgpack.encode(status))

    async def _send(self, kind: FrameKind, body: bytes) -> None:
        try:
            await self._frames.send(kind, body)
        except trio.BrokenResourceError:
            await trio.sleep_forever()  # the call is over: `take_in` has ended, and cancels it

    async def take_in(self) -> None:
        """Receive messages until the caller has ended the call."""
        while (frame := await self._frames.receive()) is not None:
            kind, body = frame
            if kind is FrameKind.MESSAGE:
                await self._put.send(body)
            elif kind is FrameKind.HALF_CLOSE:
                self._put.close()


BytesHandler = Callable[[BytesFromPeer], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Peer:
    """Another worker that is ready.

    Attributes:
        number: from 0.
        process_id: of its process.
        path: of its socket.
    """

    number: int
    process_id: int
    path: str

    @asynccontextmanager
    async def call(
        self, path: str, codec: Codec, *, peer: str = "", authorization: str | None = None
    ) -> AsyncIterator[PeerCall]:
        """Call an rpc of this worker; the end of the block cancels the call.

        Raises:
            CallError: UNAVAILABLE: the worker does not answer.
        """
        async with self._opened(path, peer, authorization) as frames:
            yield PeerCall(frames, self.number, codec)

    @asynccontextmanager
    async def call_with_bytes(self, path: str) -> AsyncIterator[BytesToPeer]:
        """Call what has messages of bytes at this path; the end of the block cancels the call.

        Raises:
            CallError: UNAVAILABLE: the worker does not answer.
        """
        async with self._opened(path, "", None) as frames:
            yield BytesToPeer(frames, self.number)

    @asynccontextmanager
    async def _opened(
        self, path: str, peer: str, authorization: str | None
    ) -> AsyncIterator[Frames]:
        try:
            stream = await _connect(self.path)
        except OSError as error:
            raise _gone(self.number) from error
        frames = Frames(stream)
        try:
            request = msgspec.msgpack.encode(PeerRequest(path, peer, authorization))
            try:
                await frames.send(FrameKind.OPEN, request)
            except trio.BrokenResourceError as error:
                raise _gone(self.number) from error
            yield frames
        finally:
            with trio.CancelScope(shield=True):
                await frames.close()


class Peers:
    """The workers of this server.

    Attributes:
        number: of this one.
        ended: by outcome, how many sessions of workers that are gone have ended.
        handlers: what answers their calls whose messages are bytes, by path; the rpcs are not here.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.ended: Mapping[str, int] = {}
        self.handlers: dict[str, BytesHandler] = {}
        self._others: dict[int, Peer] = {}

    def update(self, workers: Mapping[int, tuple[int, str]], ended: Mapping[str, int]) -> None:
        """Take which workers are ready.

        Args:
            workers: the process id and the path of each, by its number; this one may be among them.
            ended: how many sessions of workers that are gone have ended, by outcome.
        """
        self.ended = ended
        self._others = {
            number: Peer(number, process_id, path)
            for number, (process_id, path) in sorted(workers.items())
            if number != self.number
        }

    @contextmanager
    def answering(self, handlers: Mapping[str, BytesHandler]) -> Iterator[None]:
        """Answer their calls of these paths, whose messages are bytes, during the block."""
        self.handlers.update(handlers)
        try:
            yield
        finally:
            for path in handlers:
                del self.handlers[path]

    @property
    def others(self) -> list[Peer]:
        """The other workers that are ready."""
        return list(self._others.values())

    def owner(self, session_id: str) -> Peer | None:
        """Return the other worker that has a session, if one does and is ready."""
        number = worker_of(session_id)
        return None if number is None else self._others.get(number)


def listen_for_peers(folder: Path) -> tuple[trio.SocketListener, str]:
    """Return what accepts the calls of other workers, and its path.

    Raises:
        PipelineError: the folder allows no socket.
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _Folder(folder) as short:
            sock.bind(f"{short}/{_SOCKET}")
        sock.listen(64)
        sock.setblocking(False)
    except OSError as error:
        sock.close()
        raise PipelineError(f"{folder}: no socket can be made: {error.strerror}") from error
    return trio.SocketListener(trio.socket.from_stdlib_socket(sock)), str(folder / _SOCKET)


async def _connect(path: str) -> trio.SocketStream:
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _Folder(Path(path).parent) as short:
            await sock.connect(f"{short}/{_SOCKET}")
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


def is_own_user(stream: trio.SocketStream) -> bool:
    """Return whether the process at the other end is one of this user."""
    found = stream.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, _ = _CREDENTIALS.unpack(found)
    return bool(user == os.getuid())


class _Folder:
    """A short path to a folder: a Unix socket's path has at most 107 bytes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> str:
        self._descriptor = os.open(self._folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._descriptor}"

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


def _gone(worker: int) -> CallError:
    return CallError(
        Status.UNAVAILABLE, f"worker {worker} of this server does not answer; try again"
    )
