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
)
from ..wire.conversion import chunk_message
from .bridge import Bridge
from .call import CallEndedError
from .items import Sendable, check_node, item_of, source_nodes
from .request_sender import RequestSender
from .response_reader import ResponseReader
from .servers import StreamCall

_MOST: Final = 2**64 - 1
_CLOSE: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CLOSE))
_CANCEL: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CANCEL))


class RemoteStream:
    """A running pipeline: send chunks, receive results.

    `send` and `receive` can run at the same time, in different tasks. Do so for many chunks: a
    server whose results are not read soon accepts no more chunks. When a node fails, every waiting
    method raises the stream's error, and so does the end of the block.

    A cancellation loses nothing: a chunk whose `send` was cancelled is either not sent at all, or
    completed before the next one.

    Attributes:
        manifest: the manifest of the pipeline.
    """

    def __init__(self, opened: StreamCall, manifest: Manifest, bridge: Bridge) -> None:
        self.manifest = manifest
        self._opened = opened
        self._call = opened.call
        self._responses = opened.responses
        self._requests = RequestSender(opened.call, opened.responses, bridge)
        self._bridge = bridge
        self._nodes = [node.id for node in manifest.nodes]
        self._sources = source_nodes(manifest)
        self._next_sequence = 0
        self._closed_by = ""

    @property
    def address(self) -> str:
        """The address of the server that runs the session."""
        return self._opened.address

    @property
    def session_id(self) -> str:
        """The id of the session at the server; empty until it is ready."""
        ready = self._responses.ready
        return "" if ready is None else ready.session_id

    @property
    def recommended_chunk_size(self) -> int:
        """The chunk size that the server recommends, in samples; 0 until it is ready."""
        ready = self._responses.ready
        return 0 if ready is None else ready.recommended_chunk_size

    @property
    def metrics(self) -> StreamMetrics | None:
        """The latest metrics; servers send them after every tenth chunk."""
        return self._responses.metrics

    @property
    def closed(self) -> StreamClosed | None:
        """The last message of the server, with the final metrics, after `close` or `cancel`."""
        return self._responses.closed

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of the nodes' initialization, until all are ready.

        Raises:
            MillraceError: the stream failed.
        """
        return _Progress(self._bridge, self._responses)

    async def wait_ready(self) -> None:
        """Wait until every node is initialized. Chunks can be sent before.

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
        """Send a chunk; wait while the server accepts none.

        Args:
            data: a data item of `actors`, a Bundle for a node with several inputs, a numpy array,
                or text.
            node: the id of the node that it enters at; None means every source node.
            sequence: the number of the chunk, which its results carry too; None means the next
                number.
            timestamp_ms: a timestamp for the nodes, in milliseconds.
            sample_rate: the sample rate of an array of audio, in Hz. The shape is (samples,) or
                (samples, channels), the dtype float32, int16 or int32.

        Returns:
            The chunk's sequence.

        Raises:
            InputError: the data cannot be sent, or a number is out of range.
            DataError: the dtype or shape of an array is not valid.
            UnknownNodeError: the pipeline has no such node.
            LimitError: the chunk is larger than a message may be.
            SessionClosedError: the stream is closed.
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
        """End the input: the pipeline processes all chunks, flushes, and ends."""
        if self._closed_by:
            return
        self._closed_by = "close_input"
        try:
            await self._bridge.run(self._call.end)
        except CallEndedError:
            self._responses.raise_failure()

    async def close(self) -> None:
        """End the input: the pipeline processes all chunks, flushes, and sends its final metrics.

        Results can still be received; after the last one, `closed` has the metrics.
        """
        if not self._closed_by:
            await self._send(_CLOSE, end=True)
            self._closed_by = "close"

    async def cancel(self) -> None:
        """Cancel the pipeline: it drops its items and ends. This does not wait for the server.

        Results that have arrived can still be received.
        """
        self._closed_by = "cancel"
        try:
            # Behind a chunk that waits for the server, the message would wait too.
            if not self._call.try_send(self._call.encode(_CANCEL), end=True):
                self._call.reset()
        except CallEndedError:
            self._call.reset()
        await self._bridge.checkpoint()

    async def receive(self) -> Result | None:
        """Return the next result of any sink; None at the end of the stream.

        Its `timestamp_ms` is 0: the contract does not carry it.

        Raises:
            MillraceError: the stream failed.
        """
        await self._bridge.checkpoint()  # first: a cancellation here loses no result
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
                f"the stream accepts no more chunks: {self._closed_by}() was called"
            )
        await self._requests.send(request, end=end)


class _Progress:
    """The progress reports of a stream."""

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
