"""ThrottleNode."""

from typing import Literal

from ..actor import Actor
from ..data import CancelSpeculation, Control, Data
from ..kinds import ANY_KIND
from ..params import Field, Params
from ..timestamped import Timestamped


class ThrottleParams(Params):
    """The rate of ThrottleNode."""

    interval_ms: int = Field(
        1000, ge=1, le=86_400_000, description="ms between two items that pass, at least"
    )
    keep: Literal["first", "latest"] = Field(
        "latest", description="which item of an interval passes; the latest one does at its end"
    )


class ThrottleNode(Actor[ThrottleParams]):
    """Pass at most one item in each interval, by the clock.

    In: any kind. Out: the item unchanged. The first item passes at once, and an interval begins.
    With keep latest, the last item of the interval passes at its end, and another interval begins;
    with keep first, all items of the interval are dropped. At the end of the stream, an item that
    waits passes.
    """

    accepts = ANY_KIND
    produces = ANY_KIND

    def initialize(self) -> None:
        """Start with no interval."""
        self._ends_at = float("-inf")
        self._held: Timestamped | None = None
        self._sequence = 0
        self._is_waiting = False

    def process(self, item: Data) -> Data | None:
        """Return the item, if no interval runs."""
        import trio

        now = trio.current_time()
        if now >= self._ends_at and self._held is None:
            self._ends_at = now + self.params.interval_ms / 1000
            return item
        if self.params.keep == "latest":
            self._held = Timestamped(item, self.context.timestamp_ms)
            self._sequence = self.context.sequence
            if not self._is_waiting:
                self._is_waiting = True
                self.context.start_soon(self._emit_at_end)
        return None

    def on_control(self, control: Control) -> None:
        """Drop an item that waits, if a CancelSpeculation covers it."""
        held, span = self._held, control.message
        if not isinstance(span, CancelSpeculation) or held is None:
            return
        if span.from_timestamp <= held.timestamp_ms <= span.to_timestamp:
            self._held = None

    async def flush(self) -> None:
        """Emit the item that waits."""
        await self._emit_held()

    async def _emit_at_end(self) -> None:
        import trio

        await trio.sleep_until(self._ends_at)
        self._is_waiting = False
        if self._held is not None:
            self._ends_at = trio.current_time() + self.params.interval_ms / 1000
            await self._emit_held()

    async def _emit_held(self) -> None:
        held, self._held = self._held, None
        if held is not None:
            await self.context.emit(held, sequence=self._sequence)
