"""The codec and the official runtime accept the same bytes, and read the same values of them."""

import math
import struct
from typing import Any

from runtime.wire.codec import Codec, DecodeError
from tests.wire.trees import read_official, read_ours


def either_form(data: bytes) -> bytes | memoryview:
    """Return bytes, or a view of them: large messages come as such."""
    return memoryview(data) if len(data) % 2 else data


def assert_same_decision(codec: Codec, data: bytes, theirs: Any, ours: Any) -> None:
    """Fail unless both read the same of `data`, down to what they do not know, or both refuse."""
    accepted = official_message(theirs, data)
    try:
        received = codec.decode(either_form(data), ours)
    except DecodeError as error:
        # upb takes a field of number 0 in messages that have no fields, and nowhere else.
        known_slip = error.message_type == "Empty" and "number 0" in str(error)
        assert accepted is None or known_slip
        return
    assert accepted is not None
    read = read_official(accepted)
    assert read_ours(theirs.DESCRIPTOR, received) == read
    if not holds_float_nan(read):
        again = theirs.FromString(codec.encode(received))
        expected = accepted.SerializeToString(deterministic=True)
        assert again.SerializeToString(deterministic=True) == expected


def official_message(theirs: Any, data: bytes) -> Any:
    from google.protobuf.message import DecodeError as OfficialError

    try:
        return theirs.FromString(data)
    except OfficialError:
        return None


def holds_float_nan(value: Any) -> bool:
    """Tell whether there is a 32-bit NaN: as Python's float it does not keep all of its bits."""
    if isinstance(value, dict | list):
        return any(map(holds_float_nan, value.values() if isinstance(value, dict) else value))
    is_float = isinstance(value, bytes) and len(value) == 4
    return is_float and math.isnan(struct.unpack("<f", value)[0])
