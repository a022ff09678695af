"""The trace of one session: puts its spans together, and exports each as soon as it has ended."""

import hashlib
import secrets
import struct
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import Final, Self

from ..errors import MillraceError, encodable, shortened, sole_error, text_of, trace_of
from .node_spans import NodeSpan, SpanError, TraceSpec
from .span import AttributeValue, Span
from .traceparent import ParentSpan

# The span of an item has no end of its own: it ends with the last call that the item caused. It is
# exported when this many later ones have begun, since a call may come from a queue of items.
_OPEN_ITEMS: Final = 32
_MAX_TEXT_CHARACTERS: Final = 1024
_MOST_INTEGER: Final = 2**63 - 1
_ID: Final = struct.Struct(">QQQ")
_NONE: Final[Mapping[str, AttributeValue]] = MappingProxyType({})
_CLOSING_HOOKS: Final = {"flush", "cleanup"}


@dataclass(slots=True)
class _OpenItem:
    """An item on its way: its times, on the monotonic clock, and the first error of a call."""

    start_ns: int
    end_ns: int
    nodes: str
    error: SpanError | None = None


class SessionTrace:
    """The trace of a session. It is a context manager that lasts as long as the session.

    Attributes:
        spec: what each node of the session knows of the trace.

    Args:
        export: takes each span that has ended.
        trace_id: of this session, or of the client's trace that it joins.
        parent: the client's span; None for a session that joins no trace.
        item_interval: as in `TraceSpec`.
        attributes: of the session's span.
    """

    def __init__(
        self,
        export: Callable[[Span], None],
        *,
        trace_id: int,
        parent: ParentSpan | None,
        item_interval: int,
        attributes: Mapping[str, AttributeValue],
    ) -> None:
        self._export = export
        self._trace_id = trace_id
        self._parent = parent
        self._span_id, self._open_id, self._close_id = (_new_id() for _ in range(3))
        self.spec = TraceSpec(f"{trace_id:032x}", f"{self._span_id:016x}", item_interval)
        self._attributes = {name: _plain(value) for name, value in attributes.items()}
        self._start_ns = time.monotonic_ns()
        # Node processes share the monotonic clock. With one difference for the whole trace, no
        # span changes its place when the machine's time is set.
        self._epoch_ns = time.time_ns() - self._start_ns
        self._ready_ns = 0
        self._closing_ns = 0
        self._items: OrderedDict[tuple[int, int], _OpenItem] = OrderedDict()

    @property
    def log_fields(self) -> dict[str, str]:
        """The fields by which a line of the log names its trace."""
        return {"trace_id": self.spec.trace_id, "span_id": self.spec.span_id}

    def describe(self, attributes: Mapping[str, AttributeValue]) -> None:
        """Add attributes to the session's span."""
        self._attributes.update({name: _plain(value) for name, value in attributes.items()})

    def ready(self) -> None:
        """End the span "open": every node is ready."""
        self._ready_ns = time.monotonic_ns()
        self._add("open", self._open_id, self._span_id, self._start_ns, self._ready_ns)

    def closing(self) -> None:
        """Begin the span "close", unless it has begun."""
        self._closing_ns = self._closing_ns or time.monotonic_ns()

    def enter_item(self, sequence: int, entered_ns: int, nodes: Collection[str]) -> None:
        """Begin the span of a chunk that enters the session, if it is one to trace."""
        if not self.spec.samples(sequence, entered_ns):
            return
        names = shortened(", ".join(nodes), _MAX_TEXT_CHARACTERS)
        self._items[sequence, entered_ns] = _OpenItem(entered_ns, entered_ns, names)
        if len(self._items) > _OPEN_ITEMS:
            self._end_item(*self._items.popitem(last=False))

    def add_node_spans(
        self, node_id: str, node: Mapping[str, AttributeValue], spans: Sequence[NodeSpan]
    ) -> None:
        """Add calls of a node, which may come from a process that nobody trusts.

        Args:
            node_id: the node's id.
            node: attributes of the spans with which it begins.
            spans: the calls.
        """
        for span in spans:
            self._add_node_span(node_id, node, span)

    def _add_node_span(
        self, node_id: str, node: Mapping[str, AttributeValue], span: NodeSpan
    ) -> None:
        now = time.monotonic_ns()
        start_ns = min(max(span.start_ns, self._start_ns), now)
        end_ns = min(max(span.end_ns, start_ns), now)
        attributes: dict[str, AttributeValue] = {"millrace.node.id": node_id}
        if span.is_interrupted:
            attributes["millrace.interrupted"] = True
        if span.sequence is not None:
            parent = self._item_id(span.sequence, span.entered_ns)
            # An attribute costs 2 us to encode, and most calls take one item and emit one.
            attributes["millrace.item.sequence"] = _plain(span.sequence)
            attributes["millrace.busy_seconds"] = span.busy_ns / 1e9
            if span.items != 1:
                attributes["millrace.items"] = _plain(span.items)
            if span.outputs != 1:
                attributes["millrace.outputs"] = _plain(span.outputs)
            item = self._items.get((span.sequence, span.entered_ns))
            if item is not None:
                item.end_ns = max(item.end_ns, end_ns)
                item.error = item.error or span.error
        elif span.hook in _CLOSING_HOOKS:
            parent = self._close_id
            self._closing_ns = min(self._closing_ns or start_ns, start_ns)
        else:
            parent = self._open_id
            attributes |= node
        span_id = int.from_bytes(span.span_id) or _new_id()
        name = f"{span.hook} {node_id}"
        self._add(name, span_id, parent, start_ns, end_ns, attributes, span.error)

    def __enter__(self) -> Self:
        """Begin the session's span."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End every span, with the error that ended the session."""
        failure = None if error is None else _failure_of(error)
        del error, trace  # nothing of this frame may keep the error's own frames
        now = time.monotonic_ns()
        while self._items:
            self._end_item(*self._items.popitem(last=False))
        if not self._ready_ns:
            self._add("open", self._open_id, self._span_id, self._start_ns, now, {}, failure)
        if self._ready_ns or self._closing_ns:
            began = min(self._closing_ns or now, now)
            self._add("close", self._close_id, self._span_id, began, now)
        if failure is not None:
            self._attributes["millrace.outcome"] = "failed"
        else:
            self._attributes["millrace.outcome"] = "completed" if kind is None else "cancelled"
        parent = self._parent
        self._export(
            Span(
                "session",
                self._trace_id,
                self._span_id,
                0 if parent is None else parent.span_id,
                self._start_ns + self._epoch_ns,
                now + self._epoch_ns,
                self._attributes,
                failure,
                is_parent_remote=parent is not None,
                is_served="client.address" in self._attributes,
            )
        )

    def _end_item(self, key: tuple[int, int], item: _OpenItem) -> None:
        sequence, entered_ns = key
        self._add(
            "item",
            self._item_id(sequence, entered_ns),
            self._span_id,
            item.start_ns,
            item.end_ns,
            {"millrace.item.sequence": _plain(sequence), "millrace.item.nodes": item.nodes},
            item.error,
        )

    def _item_id(self, sequence: int, entered_ns: int) -> int:
        """Return the id of an item's span, from what every output of the item carries.

        Clients may number two chunks alike; no two have entered at the same nanosecond.
        """
        key = _ID.pack(self._span_id, sequence, entered_ns)
        return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest()) or 1

    def _add(
        self,
        name: str,
        span_id: int,
        parent_id: int,
        start_ns: int,
        end_ns: int,
        attributes: Mapping[str, AttributeValue] = _NONE,
        error: SpanError | None = None,
    ) -> None:
        begin, end = start_ns + self._epoch_ns, end_ns + self._epoch_ns
        self._export(Span(name, self._trace_id, span_id, parent_id, begin, end, attributes, error))


def _new_id() -> int:
    return secrets.randbits(64) or 1


def _plain(value: AttributeValue) -> AttributeValue:
    """Return a value that OTLP can carry: integers have 64 bits with a sign."""
    if isinstance(value, str):
        return encodable(shortened(value, _MAX_TEXT_CHARACTERS))
    return str(value) if isinstance(value, int) and value > _MOST_INTEGER else value


def _failure_of(error: BaseException) -> SpanError | None:
    """Return the error that ended a session; None for a cancellation."""
    sole = sole_error(error) if isinstance(error, BaseExceptionGroup) else error
    try:
        if isinstance(sole, MillraceError):
            return SpanError.of(sole)
        if not isinstance(sole, Exception):
            return None
        wrapped = MillraceError(text_of(sole))
        wrapped.stack_trace = trace_of(sole)
        made = SpanError.of(wrapped)
        return SpanError(type(sole).__name__, made.message, made.stack_trace)
    finally:
        del error, sole
