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
from .mover import Mover
from .request_sender import MovingSender, RequestSender, SenderToOne
from .response_reader import ResponseReader
from .servers import StreamCall

_MOST: Final = 2**64 - 1
_CLOSE: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CLOSE))
"""The request that ends the input."""

_CANCEL: Final = StreamRequest(control=StreamControl(command=StreamControlCommand.CANCEL))


class RemoteStream:
    """A running pipeline: send chunks, receive results.

    `send` and `receive` can run at the same time, in different tasks. Do so for many chunks: a
    server whose results are not read soon accepts no more chunks. When a node fails, every waiting
    method raises the stream's error, and so does the end of the block.

    A stream that can move changes its server when that one shuts down: the session has a new id
    then, its counts begin again, and `send` waits until the old session has ended. No chunk is
    processed twice or lost, and results keep their order.

    A cancellation loses nothing: a chunk whose `send` was cancelled is either not sent at all, or
    completed before the next one.

    Attributes:
        manifest: the manifest of the pipeline.
    """

    def __init__(
        self, opened: StreamCall, manifest: Manifest, bridge: Bridge, mover: Mover | None = None
    ) -> None:
        self.manifest = manifest
        self._reading = opened  # its results are not all received yet
        self._mover = mover
        self._requests: RequestSender = (
            SenderToOne(opened, bridge) if mover is None else MovingSender(mover, bridge)
        )
        self._bridge = bridge
        self._nodes = [node.id for node in manifest.nodes]
        self._sources = source_nodes(manifest)
        self._next_sequence = 0
        self._closed_by = ""

    @property
    def address(self) -> str:
        """The address of the server that runs the session."""
        return self._current.address

    @property
    def session_id(self) -> str:
        """The id of the session at the server; empty until it is ready."""
        ready = self._current.responses.ready
        return "" if ready is None else ready.session_id

    @property
    def recommended_chunk_size(self) -> int:
        """The chunk size that the server recommends, in samples; 0 until it is ready."""
        ready = self._current.responses.ready
        return 0 if ready is None else ready.recommended_chunk_size

    @property
    def reports_taken(self) -> bool:
        """Whether the server calls `on_taken`; False until the session is ready."""
        ready = self._current.responses.ready
        return ready is not None and ready.reports_taken

    @property
    def metrics(self) -> StreamMetrics | None:
        """The latest metrics; servers send them after every tenth chunk."""
        return self._reading.responses.metrics

    @property
    def closed(self) -> StreamClosed | None:
        """The last message of the server, with the final metrics, after `close` or `cancel`."""
        if self._mover is not None and self._mover.is_moving:
            return None
        return self._current.responses.closed

    def progress(self) -> AsyncIterator[InitProgress]:
        """Iterate over the progress of the nodes' initialization, until all are ready.

        Raises:
            MillraceError: the stream failed.
        """
        return _Progress(self._bridge, self._reading.responses)

    async def wait_ready(self) -> None:
        """Wait until every node is initialized. Chunks can be sent before.

        Raises:
            MillraceError: the stream failed.
        """
        responses = self._current.responses
        if await self._bridge.run(responses.wait_ready) is None and not self._closed_by:
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
        await self._requests.half_close()

    async def close(self) -> None:
        """End the input: the pipeline processes all chunks, flushes, and sends its final metrics.

        Results can still be received; after the last one, `closed` has the metrics.
        """
        if not self._closed_by:
            await self._requests.end(_CLOSE)
            self._closed_by = "close"

    async def cancel(self) -> None:
        """Cancel the pipeline: it drops its items and ends. This does not wait for the server.

        Results that have arrived can still be received.
        """
        self._closed_by = "cancel"
        if self._mover is not None:
            self._mover.stop()
        call = self._current.call
        try:
            # Behind a chunk that waits for the server, the message would wait too.
            if not call.try_send(call.encode(_CANCEL), end=True):
                call.reset()
        except CallEndedError:
            call.reset()
        await self._bridge.checkpoint()

    async def receive(self) -> Result | None:
        """Return the next result of any sink; None at the end of the stream.

        Its `timestamp_ms` is 0 if the server is an older one, which does not send it.

        Raises:
            MillraceError: the stream failed.
        """
        await self._bridge.checkpoint()  # first: a cancellation here loses no result
        while True:
            at = self._reading
            result = at.responses.try_result()
            if result is None:
                result = await self._bridge.run(at.responses.next_result)
            if result is not None or self._mover is None:
                return result
            successor = await self._bridge.run(self._mover.follow, at)
            if successor is None:
                return None
            if self._reading is at:  # another task may have followed before
                self._reading = successor

    def __aiter__(self) -> Self:
        """Iterate over the results, to the end of the stream."""
        return self

    async def __anext__(self) -> Result:
        """Return the next result."""
        result = await self.receive()
        if result is None:
            raise StopAsyncIteration
        return result

    def raise_failure(self) -> None:
        """Raise the error of a stream that has failed.

        Raises:
            MillraceError: the stream failed.
        """
        self._current.responses.raise_failure()
        if self._mover is not None:
            self._mover.raise_failure()

    @property
    def _current(self) -> StreamCall:
        return self._reading if self._mover is None else self._mover.current

    async def _send(self, request: StreamRequest) -> None:
        if self._closed_by:
            raise SessionClosedError(
                f"the stream accepts no more chunks: {self._closed_by}() was called"
            )
        await self._requests.send(request)


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
