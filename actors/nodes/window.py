"""WindowNode."""

from collections.abc import Iterator
from typing import Final, Literal

from ..actor import Actor, State
from ..data import Bundle, Control, Data
from ..errors import DataError
from ..kinds import ANY_KIND, Kind
from ..params import Field, Params
from ..timestamped import Timestamped
from ._held_items import MOST_HELD_BYTES, HeldItems

_HELD: Final = ANY_KIND - {Kind.BUNDLE, Kind.CONTROL}


class WindowParams(Params):
    """The windows of WindowNode."""

    size: int = Field(10, ge=1, le=86_400_000, description="length of a window, in the unit below")
    hop: int = Field(
        0,
        ge=0,
        le=86_400_000,
        description="from the beginning of a window to that of the next; 0: size. Less than size: "
        "windows overlap; more: items between two windows are dropped",
    )
    unit: Literal["items", "ms"] = Field(
        "items", description="items, or ms of the items' timestamps"
    )
    max_items: int = Field(
        1000, ge=1, le=100_000, description="items in one window at most; more are an error"
    )
    partial: bool = Field(
        True, description="at the end of the stream, emit the items of a window that is not full"
    )


class WindowNode(Actor[WindowParams]):
    """Collect items in windows, by their number or by their timestamps.

    In: any kind but bundles. Out: a bundle for each window, with the items as members "0", "1" and
    so on, and the metadata

        window_start_ms, window_end_ms   the timestamps of its first and last item; with unit ms, of
                                         its beginning and its end
        count                            the number of items

    Its timestamp is that of its last item. Windows by time begin at the first item's timestamp; one
    is emitted when an item of a later time arrives, and an empty one is not. An item that is older
    than the windows that are left is dropped. The items of a window have at most 256 MiB.
    """

    accepts = _HELD
    produces = frozenset({Kind.BUNDLE})

    def initialize(self) -> None:
        """Start without items."""
        self._held = HeldItems()
        self._hop = self.params.hop or self.params.size
        self._to_skip = 0
        self._start_ms: int | None = None

    def process(self, item: Data) -> Iterator[Timestamped]:
        """Yield the windows that an item ends.

        Raises:
            DataError: a window has too many items, or they have too many bytes.
        """
        timestamp_ms = self.context.timestamp_ms
        if self.params.unit == "items":
            yield from self._count(timestamp_ms, item)
            return
        if self._start_ms is None:
            self._start_ms = timestamp_ms
        # One after the other: with a short hop an item may end millions of windows.
        yield from self._full_windows(timestamp_ms)
        if timestamp_ms >= self._start_ms:
            self._hold(timestamp_ms, item)

    def on_control(self, control: Control) -> None:
        """Drop the items that a CancelSpeculation covers."""
        self._held.drop_cancelled(control)

    def flush(self) -> Iterator[Timestamped]:
        """Yield the windows that are left."""
        while self._held and self.params.partial:
            yield from self._window()
            if self.params.unit == "items":
                break  # the rest would be a part of it
            self._advance()
        self._held.clear()

    def export_state(self) -> dict[str, State]:
        """Return the items that are held, and where the window begins."""
        return {"held": list(self._held), "to_skip": self._to_skip, "start_ms": self._start_ms}

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with them."""
        for timestamp_ms, item in state["held"]:
            self._held.append((timestamp_ms, item))
        self._to_skip, self._start_ms = state["to_skip"], state["start_ms"]

    def _count(self, timestamp_ms: int, item: Data) -> list[Timestamped]:
        if self._to_skip:
            self._to_skip -= 1
            return []
        self._hold(timestamp_ms, item)
        if len(self._held) < self.params.size:
            return []
        window = self._window()
        for _ in range(min(self._hop, len(self._held))):
            self._held.popleft()
        self._to_skip = max(0, self._hop - self.params.size)
        return window

    def _full_windows(self, timestamp_ms: int) -> Iterator[Timestamped]:
        """Yield the windows that end at or before a time."""
        assert self._start_ms is not None
        while self._held and timestamp_ms >= self._start_ms + self.params.size:
            yield from self._window()
            self._advance()
        if not self._held and timestamp_ms >= self._start_ms + self.params.size:
            # Nothing is in the windows between: the first that has the time is next.
            behind = timestamp_ms - self._start_ms - self.params.size
            self._start_ms += (behind // self._hop + 1) * self._hop

    def _advance(self) -> None:
        assert self._start_ms is not None
        self._start_ms = start_ms = self._start_ms + self._hop
        if any(each[0] < start_ms for each in self._held):
            self._held.keep(lambda timestamp_ms: timestamp_ms >= start_ms)

    def _hold(self, timestamp_ms: int, item: Data) -> None:
        if len(self._held) >= self.params.max_items:
            raise DataError(
                f"a window has more than {self.params.max_items} items (param max_items)"
            )
        self._held.append((timestamp_ms, item))
        if self._held.held_bytes > MOST_HELD_BYTES:
            raise DataError(
                f"the items of a window have more than {MOST_HELD_BYTES} bytes: make it shorter"
            )

    def _window(self) -> list[Timestamped]:
        """Return the first window of the items that are held; none if it is empty."""
        held = list(self._held)
        if self.params.unit == "ms":
            assert self._start_ms is not None
            start_ms, end_ms = self._start_ms, self._start_ms + self.params.size
            held = [each for each in held if each[0] < end_ms]
        elif held:
            start_ms, end_ms = held[0][0], held[-1][0]
        if not held:
            return []
        members = {str(number): data for number, (_, data) in enumerate(held)}
        metadata = {
            "window_start_ms": str(start_ms),
            "window_end_ms": str(end_ms),
            "count": str(len(held)),
        }
        return [Timestamped(Bundle(members, metadata=metadata), held[-1][0])]
