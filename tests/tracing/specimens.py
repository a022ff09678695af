"""Actors for tests of traces."""

import os
import struct
import urllib.request

import msgspec

from actors import Actor, Batch, Context, Data, Field, Json, Params

CONTROL = 3
"""The descriptor of the control socket in a node's process."""


class Unborn(Actor[Params]):
    """Fail before any hook."""

    def __init__(self, params: Params | None = None, *, context: Context | None = None) -> None:
        raise RuntimeError("this constructor always fails")

    def process(self, item: Data) -> Data:
        return item


class TraceTeller(Actor[Params]):
    """Say which traceparent each hook has."""

    def __init__(self, params: Params | None = None, *, context: Context | None = None) -> None:
        super().__init__(params, context=context)
        self._seen = {"load": self.context.trace}

    def initialize(self) -> None:
        self._seen["initialize"] = self.context.trace

    def process(self, item: Data) -> Json:
        return Json(self.context.trace)

    def flush(self) -> Json:
        return Json({**self._seen, "flush": self.context.trace})


class CallingParams(Params):
    """What is called."""

    url: str = Field("", description="of a service")


class Calling(Actor[CallingParams]):
    """Call a service over HTTP for each item, as a part of the trace."""

    def process(self, item: Data) -> Data:
        headers = {"traceparent": self.context.trace or ""}
        request = urllib.request.Request(self.params.url, headers=headers)
        with urllib.request.urlopen(request) as response:
            response.read()
        return item


class Pairs(Actor[Params]):
    """Process two items in one call."""

    batch = Batch(items=2, seconds=30)

    def process(self, items: list[Data]) -> list[Data]:
        return items


class ForgingParams(Params):
    """What the forged calls have."""

    span_id_bytes: int = Field(8, ge=0, description="length of the id of each")
    number: int = Field(0, ge=0, le=2**64 - 1, description="times, and the sequence")


class Forging(Actor[ForgingParams]):
    """Take the process over, and send the server calls that never were."""

    def process(self, item: Data) -> Data:
        number = self.params.number
        forged = {
            "hook": "forged",
            "span_id": bytes(self.params.span_id_bytes),
            "start_ns": number,
            "end_ns": 0,
            "entered_ns": number,
            "items": number,
            "outputs": number,
            "busy_ns": number,
        }
        message = {"type": "Spans", "spans": [forged, {**forged, "sequence": number}]}
        body = msgspec.msgpack.encode(message)
        os.write(CONTROL, struct.pack("<I", len(body)) + body)
        return item
