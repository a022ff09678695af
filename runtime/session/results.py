"""Outputs of sinks as the session's owner gets them."""

import time

from ..events import Result
from ..links import Item, unnamed


def result_of(item: Item) -> Result:
    """Return the result that an item of a sink is."""
    latency_ns = time.monotonic_ns() - item.entered_ns if item.entered_ns else 0
    return Result(
        item.source, unnamed(item.data), item.sequence, item.timestamp_ms, latency_ns / 1e9
    )
