"""Actors for the tests of batched hosts."""

import os
import time
from collections.abc import Sequence
from typing import Any
from weakref import WeakSet

import trio

from actors import Actor, Context, Control, Field, Json, Kind, NoParams, Params, Text

JSON = frozenset({Kind.JSON})


class TotalParams(Params):
    """How it begins."""

    start: float = Field(0, description="of the sum")
    broken: bool = Field(False, description="initialize() fails")


class Total:
    """What one session keeps."""

    def __init__(self, start: float) -> None:
        self.value = start
        self.controls = 0


class BatchedTotal(Actor[TotalParams]):
    """Answer a number with the sum so far, the size of the batch and the process.

    Other items: "raise", "refuse", "kill", "hang" and "exit" do that, "states" counts the sessions,
    "controls" the control messages of this one, "short" returns too little.
    """

    accepts = produces = JSON

    def initialize(self) -> None:
        self.context.progress(0.5, "adding up")
        if self.params.broken:
            raise OSError("no numbers here")
        self._states: WeakSet[Total] = WeakSet()

    def open_state(self, context: Context) -> Total:
        state = Total(self.params.start)
        self._states.add(state)
        return state

    def process_batch(self, work: Sequence[tuple[Total, Json]]) -> list[Any]:
        values = [item.value for _, item in work]
        if "raise" in values:
            raise ValueError("not with this item")
        if "kill" in values:
            os.abort()
        if "exit" in values:
            raise SystemExit(3)
        if "hang" in values:
            time.sleep(1000)
        if "short" in values:
            return []
        return [self._answer(state, item.value, len(work)) for state, item in work]

    def flush_state(self, state: Total) -> Json:
        return Json(["flushed", state.value])

    def on_state_control(self, state: Total, control: Control) -> None:
        state.controls += 1

    def _answer(self, state: Total, value: Any, count: int) -> Any:
        if value == "refuse":
            return LookupError("not this one")
        if value == "states":
            return Json(len(self._states))
        if value == "controls":
            return Json(state.controls)
        if value == "many":
            return (Json(number) for number in range(3))
        if value == "nothing":
            return None
        state.value += value
        return Json([state.value, count, os.getpid()])


class Sleeper:
    """What one session keeps."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.count = 0


class BatchedSleep(Actor[NoParams]):
    """Answer "began", and after as many seconds as the item says how many items there were."""

    accepts = produces = JSON

    def open_state(self, context: Context) -> Sleeper:
        return Sleeper(context)

    async def process_batch(self, work: Sequence[tuple[Sleeper, Json]]) -> list[Json]:
        for state, _ in work:
            state.context.start_soon(state.context.emit, Json("began"))
        seconds: list[Any] = [item.value for _, item in work]
        await trio.sleep(max(seconds))
        for state, _ in work:
            state.count += 1
        return [Json(state.count) for state, _ in work]

    async def on_state_control(self, state: Sleeper, control: Control) -> None:
        await trio.lowlevel.checkpoint()
        state.count += 100


class NotBatched(Actor[NoParams]):
    """Has no process_batch."""

    accepts = produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Text:
        return item
