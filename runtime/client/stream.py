"""A pipeline that runs on a server."""

from collections.abc import AsyncIterator
from typing import Final, Self

from ..errors import InputError, ServerError, SessionClosedError
from ..events import InitProgress, Result
from ..manifest import Manifest
from ..wire import (
    StreamClosed,
    StreamControl,
    StreamControlCommand,
    StreamMetrics,
    StreamRequest,
    StreamResponse,
)
from ..wire.conversion import chunk_message
from .bridge import Bridge
from .call import CallEndedError, ClientCall
from .items import Sendable, check_node, item_of, source_nodes
from .request_sender import RequestSender
from .response_reader import ResponseReader

_MOST: Final = 2**64 - 1
_CLOSE: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CLOSE))
_CANCEL: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CANCEL))


class RemoteStream:
    """A running pipeline: send chunks in, receive results.

    `send` and `receive` may be used at the same time, from different tasks; do so where much goes
    in, since a server whose results nobody reads soon takes no more chunks. Whatever waits raises
    the stream's error when a node fails, and so does leaving the block that holds the stream.

    A call that is cancelled loses nothing: a chunk whose `send` was cancelled has either not been
    sent at all, or goes out whole before the next one.

    Attributes:
        manifest: what runs.
    """

    def __init__(
        self,
        call: ClientCall[StreamResponse],
        requests: RequestSender,
        responses: ResponseReader,
        manifest: Manifest,
        bridge: Bridge,
    ) -> None:
        self.manifest = manifest
        self._call = call
        self._requests = requests
        self._bridge = bridge
        self._responses = responses
        self._nodes = [node.id for node in manifest.nodes]
        self._sources = source_nodes(manifest)
        self._next_sequence = 0
        self._closed_by = ""

    @property
    def session_id(self) -> str:
        """The server's name for the session; empty until it is ready."""
        ready = self._responses.ready
        return "" if ready is None else ready.session_id

    @property
    def recommended_chunk_size(self) -> int:
        """What the server recommends, in samples; 0 until it is ready."""
        ready = self._responses.ready
        return 0 if ready is None else ready.recommended_chunk_size

    @property
    def metrics(self) -> StreamMetrics | None:
        """The latest figures; servers send them with every tenth chunk."""
        return self._responses.metrics

    @property
    def closed(self) -> StreamClosed | None:
        """The server's last word, with the final metrics, after `close` or `cancel`."""
        return self._responses.closed

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of every node's initialization; ends when all are ready.

        Raises:
            MillraceError: the stream failed.
        """
        return _Progress(self._bridge, self._responses)

    async def wait_ready(self) -> None:
        """Wait until every node is initialized. Chunks that are sent before wait by themselves.

        Raises:
            MillraceError: the stream failed.
        """
        if await self._bridge.run(self._responses.wait_ready) is None and not self._closed_by:
            raise ServerError("the server ended the stream before it was ready")

    async def send(
        self,
        data: Sendable,
        *,
        node: str | None = None,
        sequence: int | None = None,
        timestamp_ms: int = 0,
        sample_rate: int | None = None,
    ) -> int:
        """Send a chunk in; wait while the server takes none.

        Args:
            data: an item of `actors`, a Bundle for a node with several ports; or a numpy array or
                text, as they are.
            node: the node that it enters at, any of the pipeline; None means every source node.
            sequence: carried by every result that comes of it; None counts up from the last one.
            timestamp_ms: handed on to the nodes.
            sample_rate: of an array that is audio, in Hz; the array has the shape (frames,) or
                (frames, channels), dtype float32, int16 or int32.

        Returns:
            The chunk's sequence.

        Raises:
            InputError: this cannot be sent, or a number is out of range.
            DataError: an array of that dtype or shape is no such item.
            UnknownNodeError: the pipeline has no such node.
            LimitError: it is larger than a message may be.
            SessionClosedError: the stream was closed before.
            MillraceError: the stream failed.
        """
        item = item_of(data, sample_rate)
        if node is not None:
            check_node(node, self._nodes)
        sequence = self._next_sequence if sequence is None else sequence
        for name, number in (("sequence", sequence), ("timestamp_ms", timestamp_ms)):
            if not 0 <= number <= _MOST:
                raise InputError(f"{name} must be from 0 to 2**64 - 1, got {number}")
        for target in self._sources if node is None else [node]:
            chunk = chunk_message(item, target, sequence, timestamp_ms)
            await self._send(StreamRequest(data_chunk=chunk))
        self._next_sequence = (sequence + 1) % 2**64
        return sequence

    async def close_input(self) -> None:
        """Say that no more chunks come: the pipeline processes all it has, flushes, and ends."""
        if self._closed_by:
            return
        self._closed_by = "close_input"
        try:
            await self._bridge.run(self._call.end)
        except CallEndedError:
            self._responses.raise_failure()

    async def close(self) -> None:
        """Have the pipeline process all it has, flush, and tell its final metrics.

        Results still come; after the last one `closed` has the metrics.
        """
        if not self._closed_by:
            await self._send(_CLOSE, end=True)
            self._closed_by = "close"

    async def cancel(self) -> None:
        """Have the pipeline drop what it has, and end. This never waits for the server.

        What results have come already may still be received.
        """
        self._closed_by = "cancel"
        try:
            # Behind a chunk that waits for the server it would wait too.
            if not self._call.try_send(self._call.encode(_CANCEL), end=True):
                self._call.reset()
        except CallEndedError:
            self._call.reset()
        await self._bridge.checkpoint()

    async def receive(self) -> Result | None:
        """Return the next result of any sink; None at the end of the stream.

        Its `timestamp_ms` is 0, since servers do not send it back.

        Raises:
            MillraceError: the stream failed.
        """
        await self._bridge.checkpoint()  # before: cancelled here, nothing is taken yet
        result = self._responses.try_result()
        if result is None:
            result = await self._bridge.run(self._responses.next_result)
        return result

    def __aiter__(self) -> Self:
        """Iterate over the results, to the end of the stream."""
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        result = await self.receive()
        if result is None:
            raise StopAsyncIteration
        return result

    async def _send(self, request: StreamRequest, *, end: bool = False) -> None:
        if self._closed_by:
            raise SessionClosedError(
                f"the stream takes no more: its {self._closed_by}() was called"
            )
        await self._requests.send(request, end=end)


class _Progress:
    """The reports of a stream's initialization."""

    def __init__(self, bridge: Bridge, responses: ResponseReader) -> None:
        self._bridge = bridge
        self._responses = responses

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> InitProgress:
        report = await self._bridge.run(self._responses.next_report)
        if report is None:
            raise StopAsyncIteration
        return report
