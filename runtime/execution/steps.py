"""Runs a coroutine step by step, from one of its waits to the next."""

import time
import types
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any

from .call_clock import CallTimes


@types.coroutine
def in_steps(
    coroutine: Coroutine[Any, Any, object], times: CallTimes, record: Callable[[float], None]
) -> Generator[Any, Any, object]:
    """Run a coroutine, and return its result.

    Args:
        coroutine: of the actor.
        times: receives when each step begins and ends.
        record: is called with the seconds that each step took.
    """
    step = partial(coroutine.send, None)
    while True:
        began = times[0] = time.perf_counter()
        try:
            waits_for = step()
        except StopIteration as end:
            return end.value
        finally:
            ended = times[1] = time.perf_counter()
            record(ended - began)
        try:
            came = yield waits_for
        except BaseException as error:  # noqa: ASYNC103, BLE001 (the actor handles it)
            step = partial(coroutine.throw, error)
        else:
            step = partial(coroutine.send, came)
