"""What a frame of a client that attaches holds, checked."""

import base64
from typing import Any, Final

from actors import Binary, Data, DataError, Json, Text

from ..errors import InputError
from ..wire import ControlAddress, ControlErrorCode, ControlEvent, DataBuffer, ErrorEvent
from ..wire.conversion import data_of

LONGEST_NAME: Final = 255
"""Characters of the name of a port; ids of nodes have no more."""


class FrameError(Exception):
    """A frame that cannot be carried out; the attach goes on."""

    def __init__(
        self, code: ControlErrorCode, message: str, address: ControlAddress | None = None
    ) -> None:
        super().__init__(message)
        if address is not None and len(address.node_id) + len(address.port) > 2 * LONGEST_NAME:
            address = None  # it waits for the client; one that long is no address
        self.event = error_event(code, message, address)


def error_event(
    code: ControlErrorCode, message: str, address: ControlAddress | None = None
) -> ControlEvent:
    """Return the event that tells a client of an error."""
    return ControlEvent(error=ErrorEvent(code=code, message=message, addr=address))


def checked_port(address: ControlAddress) -> str:
    """Return the port of an address.

    Raises:
        FrameError: its name is too long.
    """
    if len(address.port) > LONGEST_NAME:
        message = f"the port has {len(address.port)} characters; {LONGEST_NAME} is the most"
        raise FrameError(ControlErrorCode.INVALID_ADDRESS, message, address)
    return address.port


def converted(buffer: DataBuffer, where: str, address: ControlAddress | None) -> Data:
    """Return the item in a buffer.

    Raises:
        FrameError: there is none.
    """
    try:
        return data_of(buffer, where)
    except (InputError, DataError) as error:
        raise FrameError(ControlErrorCode.INTERNAL, str(error), address) from error


def for_port(data: Data, address: ControlAddress) -> Json:
    """Return an item for a port of a node, as nodes get it."""
    payload: Any
    if isinstance(data, Json):
        payload = data.value
    elif isinstance(data, Text):
        payload = {"text": data.text}
    elif isinstance(data, Binary):
        payload = {"binary_b64": base64.b64encode(data.data.tobytes()).decode()}
    else:
        message = f"port {address.port!r} takes JSON, text or binary, got {data.kind.value}"
        raise FrameError(ControlErrorCode.INTERNAL, message, address)
    return Json({"__aux_port__": address.port, "payload": payload})
