"""The lane of control messages, which overtakes the items on the links.

A message goes two ways at once. Its notice goes to every node downstream directly, past all queues:
the node is told, and what it works on and what waits before it may be dropped. The message itself
travels on the links as every item does, and its arrival says that all that was sent before it has
come through: from then on nothing is dropped for it any more.
"""

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import msgspec

from actors import BatchHint, CancelSpeculation, Control, Data, DeadlineWarning

CONTROL_KEY: Final = "millrace.control"
"""The metadata entry with the name of a message that travels."""


class Notice(msgspec.Struct, tag=True, frozen=True):
    """What a node is told of a control message.

    Attributes:
        name: of this message, unique in its session.
        copies: how often the message itself will arrive over the links, by the node that each
            comes from; "" is the session's own end.
        cancel, batch, deadline: one of them; the message.
    """

    name: str
    copies: dict[str, int] = {}
    cancel: CancelSpeculation | None = None
    batch: BatchHint | None = None
    deadline: DeadlineWarning | None = None
    segment_id: str = ""
    timestamp_ms: int = 0
    details: str = ""
    metadata: dict[str, str] = {}

    @classmethod
    def of(cls, control: Control, name: str) -> "Notice":
        """Return the notice of a message."""
        message = control.message
        return cls(
            name,
            {},
            message if isinstance(message, CancelSpeculation) else None,
            message if isinstance(message, BatchHint) else None,
            message if isinstance(message, DeadlineWarning) else None,
            control.segment_id,
            control.timestamp_ms,
            control.details,
            dict(control.metadata),
        )

    @property
    def control(self) -> Control:
        """The message itself."""
        return Control(
            self.cancel or self.batch or self.deadline,
            self.segment_id,
            self.timestamp_ms,
            self.details,
            metadata=self.metadata,
        )

    def covers(self, timestamp_ms: int) -> bool:
        """Return whether items of this time are no longer wanted."""
        span = self.cancel
        return span is not None and span.from_timestamp <= timestamp_ms <= span.to_timestamp


class ControlLane:
    """What one receiver of items knows of control messages.

    Attributes:
        is_idle: whether there is nothing to tell, and nothing to drop: mostly, so look here first.
    """

    def __init__(self) -> None:
        self.is_idle = True
        self._pending: deque[Control] = deque()
        self._active: dict[str, tuple[Notice, Counter[str]]] = {}
        self._early: dict[str, Counter[str]] = {}
        self._seen: dict[str, None] = {}
        self._diverts = False

    def notify(self, notice: Notice) -> None:
        """Take in a notice."""
        early = self._early.pop(notice.name, None)
        if early is None:
            self._pending.append(notice.control)
        self._seen[notice.name] = None
        _shorten(self._seen, _MOST_NOTICED)
        if notice.cancel is not None:
            missing = Counter(notice.copies) - (early or Counter())
            if missing:
                self._active[notice.name] = (notice, missing)
        self._changed()

    def record_arrival(self, name: str, source: str, control: Control) -> None:
        """Take note that a message has arrived over a link, and of the message if it is news."""
        if name in self._active:
            _, missing = self._active[name]
            missing -= Counter({source: 1})
            if not missing:
                del self._active[name]
        elif name not in self._seen:
            if name not in self._early:
                self._pending.append(unnamed(control))
            self._early.setdefault(name, Counter())[source] += 1
            _shorten(self._early, _MOST_EARLY)
        self._changed()

    def append(self, control: Control) -> None:
        """Add a message that has no notice: it keeps its place among the items."""
        self._pending.append(control)
        self._changed()

    @property
    def has_pending(self) -> bool:
        """Whether there is a message that the actor has not been told."""
        return bool(self._pending)

    def take_pending(self) -> Iterator[Control]:
        """Yield every message that the actor has not been told, and forget it."""
        while self._pending:
            control = self._pending.popleft()
            self._changed()
            yield control

    def discard_pending(self) -> None:
        """Tell nobody: there is no actor here."""
        self._pending.clear()
        self._changed()

    def drops(self, timestamp_ms: int, source: str) -> bool:
        """Return whether an item that comes now from a node is no longer wanted."""
        return bool(self._active) and any(
            missing[source] > 0 and notice.covers(timestamp_ms)
            for notice, missing in self._active.values()
        )

    def set_diverting(self, diverts: bool) -> None:
        """Set whether the receiver looks at every item because of its own state."""
        self._diverts = diverts
        self._changed()

    def _changed(self) -> None:
        self.is_idle = not self._pending and not self._active and not self._diverts


# Messages that a link has brought before their notice.
_MOST_EARLY: Final = 64
# Notices whose message may still be on its way, behind all the items that it has overtaken.
_MOST_NOTICED: Final = 1024


def _shorten(names: dict[str, Any], most: int) -> None:
    """Forget the oldest."""
    if len(names) > most:
        del names[next(iter(names))]


def named(control: Control, name: str) -> Control:
    """Return the message as it travels."""
    return control.with_metadata(**{CONTROL_KEY: name})


def name_of(data: Data) -> str | None:
    """Return the name of a message that travels; None for every other item."""
    return data.metadata.get(CONTROL_KEY) if isinstance(data, Control) else None


D = TypeVar("D", bound=Data)


def unnamed(data: D) -> D | Control:
    """Return an item as its sender had it."""
    if not isinstance(data, Control) or CONTROL_KEY not in data.metadata:
        return data
    return data.without_metadata(CONTROL_KEY)
