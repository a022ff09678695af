"""A client of PipelineControl.Attach on grpcio."""

import json
from queue import SimpleQueue
from typing import Any, Self

from tests.service.grpcio_client import SECONDS, Client
from tests.service.messages import enum_number, json_buffer, make, message_class

_ATTACH = "/remotemedia.v1.PipelineControl/Attach"


class Attach:
    """One attach, as a context manager that cancels what still runs."""

    def __init__(self, client: Client, session_id: str | None, attach_id: str = "", **options: Any):
        self._frames: SimpleQueue[Any] = SimpleQueue()
        if session_id is not None:
            self.send("hello", session_id=session_id, attach_id=attach_id)
        call = client.channel.stream_stream(
            _ATTACH,
            request_serializer=lambda frame: frame.SerializeToString(),
            response_deserializer=message_class("ControlEvent").FromString,
        )
        self.call = call(
            iter(self._frames.get, None),
            **{"timeout": SECONDS, "metadata": client.metadata, **options},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.call.cancel()
        self._frames.put(None)

    def send(self, kind: str | None, **fields: Any) -> None:
        """Send a frame: the name of its member, and the member's fields. None: an empty frame."""
        if kind is None:
            self._frames.put(make("ControlFrame"))
            return
        name = "".join(part.capitalize() for part in kind.split("_"))
        self._frames.put(make("ControlFrame", **{kind: make(name, **fields)}))

    def end(self) -> None:
        """Half-close."""
        self._frames.put(None)

    def next(self, kind: str) -> Any:
        """Return the next event, which is of this kind."""
        event = next(self.call)
        assert event.WhichOneof("event") == kind, event
        return getattr(event, kind)

    def attached(self) -> Any:
        """Return the first event."""
        return self.next("attached")

    def subscribe(self, node: str, port: str = "") -> None:
        """Subscribe to a node's outputs."""
        self.send("subscribe", addr=out(node, port))

    def publish(self, node: str, value: object, port: str = "") -> None:
        """Publish a JSON value into a node."""
        self.send("publish", addr=into(node, port), data=json_buffer(value))

    def tapped(self) -> Any:
        """Return the JSON value of the next event, a tap."""
        return json.loads(self.next("tap").data.json.json_payload)


def out(node: str, port: str = "") -> Any:
    return address(node, "CONTROL_DIRECTION_OUT", port)


def into(node: str, port: str = "") -> Any:
    return address(node, "CONTROL_DIRECTION_IN", port)


def address(node: str, direction: str, port: str = "") -> Any:
    number = enum_number("ControlDirection", direction)
    return make("ControlAddress", node_id=node, port=port, direction=number)


def state(name: str) -> int:
    return enum_number("NodeState", f"NODE_STATE_{name}")


def code_name(error: Any) -> str:
    """Return the name of an ErrorEvent's code, without its prefix."""
    names = message_class("ErrorEvent").DESCRIPTOR.fields_by_name["code"].enum_type.values_by_number
    return str(names[error.code].name).removeprefix("CONTROL_ERROR_CODE_")
