"""Records the calls of one actor that are traced."""

import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from actors import Context, Control

from ..errors import MillraceError
from ..links import Item
from ..tracing import NodeSpan, SpanError, TraceSpec, new_span_id, traceparent_of


class NodeTracer:
    """Records the calls of one actor, and gives it the traceparent of the current one.

    Attributes:
        is_in_call: whether a traced call is running.
        item_interval: as in `TraceSpec`.
        record: takes each call that has ended.

    Args:
        spec: the trace of the session.
        context: of the actor.
        record: takes each call that has ended.
    """

    def __init__(
        self, spec: TraceSpec, context: Context, record: Callable[[NodeSpan], None]
    ) -> None:
        self.is_in_call = False
        self._spec = spec
        self._context = context
        self.record = record
        self.item_interval = spec.item_interval
        # What a service does for an item that is not traced belongs to the session, untraced.
        self._outside = traceparent_of(spec.trace_id, spec.span_id, is_sampled=False)
        context.trace = self._outside

    def samples(self, item: Item) -> bool:
        """Return whether the processing of an item is traced."""
        return self._spec.samples(item.sequence, item.entered_ns) and not isinstance(
            item.data, Control
        )

    def call(self, hook: str, *items: Item, count: int = 0) -> "TracedCall":
        """Return a block that records a call.

        Args:
            hook: what it calls.
            items: those that are traced; each gets a span. None: a call without items.
            count: of all items of the call.
        """
        return TracedCall(self, hook, items, count)

    def begin(self, span_id: bytes) -> None:
        """Begin a call: others that the actor makes belong to this span."""
        self.is_in_call = True
        self._context.trace = traceparent_of(self._spec.trace_id, span_id.hex(), is_sampled=True)

    def end(self) -> None:
        """End a call."""
        self.is_in_call = False
        self._context.trace = self._outside


def tracer_of(
    spec: TraceSpec | None, context: Context, record: Callable[[NodeSpan], None]
) -> NodeTracer | None:
    """Return what records the calls of an actor; None if its session is not traced."""
    return None if spec is None else NodeTracer(spec, context, record)


class TracedCall:
    """One call, as a block.

    Attributes:
        outputs: items that the call has emitted.
        busy_seconds: spent in the actor's own code.
        is_interrupted: whether it was cancelled.
    """

    def __init__(self, tracer: NodeTracer, hook: str, items: tuple[Item, ...], count: int) -> None:
        self.outputs = 0
        self.busy_seconds = 0.0
        self.is_interrupted = False
        self._tracer = tracer
        self._hook = hook
        self._items = items
        self._count = count
        self._span_id = new_span_id()
        self._start_ns = 0

    def __enter__(self) -> Self:
        """Begin the call."""
        self._tracer.begin(self._span_id)
        self._start_ns = time.monotonic_ns()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End the call, and record it."""
        end_ns = time.monotonic_ns()
        self._tracer.end()
        failure = SpanError.of(error) if isinstance(error, MillraceError) else None
        self.is_interrupted |= error is not None and failure is None
        del error, trace  # no frame of ours may keep the error's own frames
        if not self._items:
            self._tracer.record(self._span(self._span_id, None, end_ns, failure))
        for place, item in enumerate(self._items):
            span_id = new_span_id() if place else self._span_id
            self._tracer.record(self._span(span_id, item, end_ns, failure))
        self._items = ()

    def _span(
        self, span_id: bytes, item: Item | None, end_ns: int, failure: SpanError | None
    ) -> NodeSpan:
        return NodeSpan(
            self._hook,
            span_id,
            self._start_ns,
            end_ns,
            None if item is None else item.sequence,
            0 if item is None else item.entered_ns,
            self._count,
            self.outputs,
            int(self.busy_seconds * 1e9),
            self.is_interrupted,
            failure,
        )
