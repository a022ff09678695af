"""Requests to a chat endpoint: one streamed answer each."""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import aclosing, asynccontextmanager, contextmanager, suppress
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar, cast

from ..endpoint import ModelEndpoint
from ._chat_messages import DONE, MOST_EVENT_BYTES, EndpointError, refusal_in, shown_failure

if TYPE_CHECKING:
    import httpx2

T = TypeVar("T")

_MOST_REFUSAL_BYTES: Final = 65_536
_UNAUTHORIZED: Final = (401, 403, 407)
# The endpoint ends its stream right after its last event. Where it does, its connection is used
# again, which saves the next answer a handshake; this long it is waited for.
_END_SECONDS: Final = 0.2
_KEEPALIVE_SECONDS: Final = 300.0
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_DELAY: Final = re.compile("[0-9]{1,6}")


class ChatClient:
    """Sends requests to one endpoint, over a connection that it keeps."""

    def __init__(self, endpoint: ModelEndpoint, library: ModuleType) -> None:
        """Create the client; it connects at the first request.

        Args:
            endpoint: where requests go, with which keys and limits.
            library: httpx2.
        """
        self._endpoint = endpoint
        self._library = library
        host = library.URL(endpoint.url).host
        self._client: httpx2.AsyncClient = library.AsyncClient(
            headers={
                **endpoint.headers,
                "accept": "text/event-stream",
                # A compressed answer can grow beyond every bound before it is looked at.
                "accept-encoding": "identity",
                "user-agent": "millrace",
            },
            # A redirect would take the key to somewhere that the operator has not named.
            follow_redirects=False,
            # The operator's proxy; a model on this machine needs none.
            trust_env=host not in _LOOPBACK,
            timeout=library.Timeout(
                endpoint.read_timeout_secs, connect=endpoint.connect_timeout_secs
            ),
            limits=library.Limits(max_connections=1, keepalive_expiry=_KEEPALIVE_SECONDS),
        )

    async def aclose(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def events(
        self, request: Mapping[str, Any], trace: str | None, deadline: float
    ) -> AsyncGenerator[str, None]:
        """Send a request; yield the data of each event of the answer, until the endpoint is done.

        Closing the generator closes the response.

        Args:
            request: as JSON.
            trace: the traceparent of the request; None for none.
            deadline: in trio's time; the answer must be complete then.

        Raises:
            EndpointError: the endpoint cannot be reached, refuses, or sends no stream of events.
                The message has neither a key nor a URL.
        """
        with self._errors():
            sending = self._client.build_request(
                "POST",
                f"{self._endpoint.url}/chat/completions",
                json=request,
                headers={} if trace is None else {"traceparent": trace},
            )
            response = await self._before(deadline, self._client.send(sending, stream=True))
            async with aclosing(response):
                await self._before(deadline, self._check(response))
                async with (
                    self._exhausting(response, response.aiter_text()) as body,
                    aclosing(self._events(response, body)) as events,
                ):
                    while True:
                        event = await self._before(deadline, anext(events, None))
                        if event is None:
                            return
                        if event.data:
                            yield event.data  # noqa: ASYNC119 (its user closes it)
                        if event.data.strip() == DONE:
                            await _read_end(events)
                            return

    def _events(
        self, response: "httpx2.Response", body: AsyncIterator[str]
    ) -> "AsyncGenerator[httpx2.ServerSentEvent, None]":
        text = _Text(response, body)
        source = self._library.EventSource(text, max_event_size=MOST_EVENT_BYTES)
        return cast("AsyncGenerator[httpx2.ServerSentEvent, None]", aiter(source))

    @asynccontextmanager
    async def _exhausting(
        self, response: "httpx2.Response", body: AsyncIterator[T]
    ) -> AsyncGenerator[AsyncIterator[T], None]:
        """Close a response at the end of the block, and the iterator of its body.

        The library's iterators are generators around generators, and closing the outermost one
        leaves the others to the collector. Reading on from a closed connection ends all of them.
        """
        try:
            yield body
        finally:
            # httpx2 shields the closing of a connection.
            await response.aclose()  # noqa: ASYNC102
            with suppress(self._library.HTTPError, self._library.StreamError):
                while await anext(body, None) is not None:  # noqa: ASYNC102 (a part that is here)
                    pass

    async def _before(self, deadline: float, awaitable: Awaitable[T]) -> T:
        import trio

        with trio.CancelScope(deadline=deadline):
            return await awaitable
        raise EndpointError(
            f"its answer is not complete after {self._endpoint.answer_timeout_secs:g} s "
            "(answer_timeout_secs)"
        )

    async def _check(self, response: "httpx2.Response") -> None:
        """Check that a response is a stream of events.

        Raises:
            EndpointError: it is none.
        """
        status = f"{response.status_code} {shown_failure(response.reason_phrase)}".strip()
        if response.has_redirect_location or 300 <= response.status_code < 400:
            raise EndpointError(
                f"it redirects ({status}), and its key goes nowhere else: set the final url"
            )
        if response.status_code in _UNAUTHORIZED:
            # Its text may repeat the key.
            raise EndpointError(f"it refuses the key, or there is none: {status}")
        if response.status_code != 200:
            reason = refusal_in(await self._beginning_of(response))
            delay = response.headers.get("retry-after", "")
            wait = f"; it asks to wait {delay} s" if _DELAY.fullmatch(delay) else ""
            raise EndpointError(f"it refuses: {status}{f' ({reason})' if reason else ''}{wait}")
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "text/event-stream":
            raise EndpointError(
                f"it sent {shown_failure(kind) or 'no content type'}, and no text/event-stream: "
                "does its url lead to an endpoint with OpenAI's protocol?"
            )

    async def _beginning_of(self, response: "httpx2.Response") -> bytes:
        body = bytearray()
        async with self._exhausting(response, response.aiter_bytes()) as pieces:
            async for piece in pieces:
                body += piece
                if len(body) > _MOST_REFUSAL_BYTES:
                    break
        return bytes(body)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Translate the errors of the library, which may hold a URL or a part of a response."""
        library, endpoint = self._library, self._endpoint
        try:
            yield
        except library.ConnectTimeout:
            seconds = endpoint.connect_timeout_secs
            reason = f"it accepted no connection in {seconds:g} s (connect_timeout_secs)"
        except library.TimeoutException:
            seconds = endpoint.read_timeout_secs
            reason = f"it sent nothing for {seconds:g} s (read_timeout_secs)"
        except library.ConnectError as error:
            reason = f"it cannot be reached: {shown_failure(str(error))}"
        except library.SSEError:
            reason = f"it sent an event of more than {MOST_EVENT_BYTES} bytes"
        except library.RemoteProtocolError as error:
            reason = f"it broke off its answer: {shown_failure(str(error))}"
        except library.HTTPError as error:
            reason = f"{type(error).__name__}: {shown_failure(str(error))}"
        else:
            return
        raise EndpointError(reason)


class _Text:
    """A response as EventSource reads it, whose body it does not own."""

    def __init__(self, response: "httpx2.Response", body: AsyncIterator[str]) -> None:
        self.request = response.request
        self.headers = response.headers
        self._body = body

    def aiter_text(self) -> Self:
        """Return the body: no generator, which would have to be closed."""
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        return await anext(self._body)


async def _read_end(events: AsyncIterator[object]) -> None:
    import trio

    with trio.move_on_after(_END_SECONDS):
        await anext(events, None)
