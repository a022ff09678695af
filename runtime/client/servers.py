"""The servers that a client may use, and which of them gets the next call. Runs on asyncio."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Final, TypeVar

import betterproto2

from ..config import replica_of
from ..errors import CallerError, LimitError, MillraceError, UnreachableError
from ..wire import (
    ATTACH,
    REPLICA_ADDRESS_TRAILER,
    STREAM_PIPELINE,
    ControlEvent,
    ControlFrame,
    Hello,
    StreamResponse,
)
from .call import CallEndedError, ClientCall
from .http2_connection import Http2Connection
from .known_server import RefusedError, Server
from .response_reader import ResponseReader

T = TypeVar("T")
Response = TypeVar("Response", bound=betterproto2.Message)

# As gRPC's retry policy, which allows no more than five. Each server is tried once at least.
_ATTEMPTS: Final = 5
_NO_METADATA: Final[Mapping[str, str]] = MappingProxyType({})
# Between two rounds over all servers, doubled each time; at random, so that clients do not come
# back all at once.
_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 1.0


class Servers:
    """Gives calls to servers: by turns to those that are available.

    A call that a server refuses, or that cannot reach it, goes to another one, within bounds. With
    one server, there is nothing of that.
    """

    def __init__(self, connections: Sequence[Http2Connection]) -> None:
        self._servers = [Server(each) for each in connections]
        self._uses = 0

    @property
    def are_several(self) -> bool:
        """Whether there is more than one."""
        return len(self._servers) > 1

    def sole(self) -> Http2Connection:
        """Return the connection of the only server.

        Raises:
            CallerError: there are several.
        """
        if self.are_several:
            raise CallerError("this call concerns one server; connect to its address only")
        return self._servers[0].connection

    def encode(self, message: betterproto2.Message) -> bytes:
        """Return a message's bytes, with the length prefix, for any of the servers.

        Raises:
            LimitError: the message is longer than allowed.
        """
        return self._servers[0].connection.encode(message)

    async def connect(self) -> None:
        """Connect to a server.

        Raises:
            UnreachableError: none answers.
        """

        async def check(server: Server) -> None:
            if not self.are_several:
                await server.connection.connect()

        await self._run(check, attempts=len(self._servers))

    async def call_unary(
        self, path: str, request: betterproto2.Message, response_type: type[Response]
    ) -> Response:
        """Make a unary call, and return its response.

        Raises:
            MillraceError: the error of the call's status.
        """

        async def attempt(server: Server) -> Response:
            call = await _opened(server, path, response_type)
            try:
                return await server.connection.exchange(call, request)
            except MillraceError as error:
                if call.is_refused:
                    raise _refused(error) from error
                raise
            finally:
                call.close()

        return await self._run(attempt)

    async def open_stream(
        self,
        init: bytes,
        *,
        metadata: Mapping[str, str] = _NO_METADATA,
        without: Collection[Server] = (),
        attempts: int | None = None,
    ) -> "StreamCall":
        """Open a stream; the caller closes it. Of several servers, wait for the first message.

        Args:
            init: the first message, encoded.
            metadata: of the call.
            without: servers that must not be used; then only available ones are.
            attempts: how many, at most.

        Raises:
            MillraceError: the stream failed before its first message.
        """

        async def attempt(server: Server) -> StreamCall:
            call = await _opened(server, STREAM_PIPELINE, StreamResponse, metadata)
            try:
                responses = ResponseReader(call)
                responses.on_ready = server.note_session
                try:
                    await call.send(init)
                except CallEndedError as error:
                    responses.raise_failure()
                    raise UnreachableError(f"{server.connection.address}: {error}") from error
                if self.are_several:
                    await responses.wait_accepted()
            except MillraceError as error:
                refused = call.is_refused or (call.is_unanswered and self.are_several)
                call.close()
                if refused:
                    raise _refused(error) from error
                raise
            except BaseException:
                call.close()
                raise
            return StreamCall(server, call, responses)

        return await self._run(attempt, without=without, attempts=attempts)

    async def open_attach(
        self, hello: Hello
    ) -> tuple[ClientCall[ControlEvent], ControlEvent | None]:
        """Attach to a session; the caller closes the call. Of several servers, find the right one.

        Returns:
            The call, and of several servers its first event.

        Raises:
            MillraceError: the call failed; of several servers, none has the session.
        """
        request = self.encode(ControlFrame(hello=hello))
        if not self.are_several:
            call = await self.sole().open_call(ATTACH, ControlEvent)
            await call.send(request)
            return call, None
        replica = replica_of(hello.session_id)
        left = sorted(self._servers, key=lambda each: each.replica_id != replica)
        errors: list[MillraceError] = []
        while left:
            server = left.pop(0)
            try:
                call = await server.connection.open_call(ATTACH, ControlEvent)
            except UnreachableError as error:
                errors.append(error)
                continue
            try:
                await call.send(request)
                return call, await call.receive()
            except MillraceError as error:
                call.close()
                if not (call.is_unknown_here or call.is_unanswered or call.is_refused):
                    raise
                errors.append(error)
                # Only to addresses that the user has given: a call carries the token.
                told = call.trailer(REPLICA_ADDRESS_TRAILER)
                left.sort(key=lambda each: each.connection.address != told)
            except BaseException:
                call.close()
                raise
        raise _not_attached(errors)

    async def close(self) -> None:
        """Close all connections."""
        for each in self._servers:
            each.stop_watching()
        await asyncio.gather(*(each.connection.close() for each in self._servers))

    async def _run(
        self,
        attempt: Callable[[Server], Awaitable[T]],
        *,
        without: Collection[Server] = (),
        attempts: int | None = None,
    ) -> T:
        """Make attempts until a server accepts one.

        Raises:
            MillraceError: an attempt failed in another way than by a refusal, or all were refused.
        """
        if attempts is None:
            attempts = max(_ATTEMPTS, len(self._servers)) if self.are_several else 1
        refusals: dict[str, RefusedError] = {}
        tried = set(without)
        pause = _PAUSE_SECONDS
        for _ in range(attempts):
            server = self._next(tried, only_available=bool(without))
            if server is None:
                if without:
                    break
                await asyncio.sleep(random.uniform(0.5, 1) * pause)  # noqa: S311 (nothing secret)
                pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
                tried.clear()
                server = self._next(tried, only_available=False)
                assert server is not None
            tried.add(server)
            try:
                if self.are_several:
                    await _watched(server)
                accepted = await attempt(server)
            except RefusedError as refused:
                server.note_refused(refused)
                refusals[server.connection.address] = refused
                continue
            server.note_accepted()
            return accepted
        raise _all_refused([each.error for each in refusals.values()])

    def _next(self, tried: Collection[Server], *, only_available: bool) -> Server | None:
        """Return the server whose turn it is; the last are those that are not available."""
        left = [each for each in self._servers if each not in tried]
        available = [each for each in left if each.is_available()]
        if not available and only_available:
            return None
        found = min(available or left, key=lambda each: each.last_used, default=None)
        if found is not None:
            self._uses += 1
            found.last_used = self._uses
        return found


class StreamCall:
    """One call of a stream, at one server. A stream that moves has several, one after another.

    Attributes:
        server: the server.
        call: the call.
        responses: what the server sends.
        successor: the call at the next server; None if there is none yet.
        is_input_ended: whether this end sends no more chunks on it.
    """

    def __init__(
        self, server: Server, call: ClientCall[StreamResponse], responses: ResponseReader
    ) -> None:
        self.server = server
        self.call = call
        self.responses = responses
        self.successor: StreamCall | None = None
        self.is_input_ended = False

    @property
    def address(self) -> str:
        """The address of the server."""
        return self.server.connection.address


def _not_attached(errors: Sequence[MillraceError]) -> MillraceError:
    """Return one error for those of all servers that do not have a session."""
    reasons = "; ".join(map(str, errors))
    kind = (
        UnreachableError
        if all(isinstance(each, UnreachableError) for each in errors)
        else CallerError
    )
    return kind(f"no server has the session: {reasons}")


async def _watched(server: Server) -> None:
    try:
        await server.watch_health()
    except UnreachableError as error:
        raise RefusedError(error) from error


async def _opened(
    server: Server,
    path: str,
    response_type: type[Response],
    metadata: Mapping[str, str] = _NO_METADATA,
) -> ClientCall[Response]:
    try:
        return await server.connection.open_call(path, response_type, metadata)
    except UnreachableError as error:
        raise RefusedError(error) from error


def _refused(error: MillraceError) -> RefusedError:
    """Return the refusal of a status; a server that has no room keeps its connection."""
    return RefusedError(error, leaves=not isinstance(error, LimitError))


def _all_refused(errors: Sequence[MillraceError]) -> MillraceError:
    """Return one error for those of all attempts."""
    if len(errors) == 1:
        return errors[0]
    kind = LimitError if any(isinstance(each, LimitError) for each in errors) else UnreachableError
    reasons = "; ".join(map(str, errors)) or "no other server is available"
    return kind(f"no server accepted the call: {reasons}")
