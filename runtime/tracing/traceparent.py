"""The header `traceparent` of W3C Trace Context, as clients send it and nodes pass it on."""

import re
from dataclasses import dataclass
from typing import Final

# Version 00 has exactly these fields; a later version may have more after them. Hexadecimal digits
# are in lower case.
_FORM: Final = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_MAX_CHARACTERS: Final = 256
_INVALID_VERSION: Final = "ff"
_SAMPLED: Final = 1


@dataclass(frozen=True, slots=True)
class ParentSpan:
    """The client's span, which a session becomes a child of.

    Attributes:
        trace_id: of 128 bits, not 0.
        span_id: of 64 bits, not 0.
        is_sampled: whether the client traces.
    """

    trace_id: int
    span_id: int
    is_sampled: bool


def parse_traceparent(text: str) -> ParentSpan | None:
    """Read a traceparent; None if it is not valid, in which case it counts as not sent.

    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").is_sampled
    True
    >>> parse_traceparent("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01") is None
    True
    """
    if len(text) > _MAX_CHARACTERS:
        return None
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == _INVALID_VERSION or (version == "00" and more is not None):
        return None
    trace_id, span_id = int(trace, 16), int(span, 16)
    if not trace_id or not span_id:
        return None
    return ParentSpan(trace_id, span_id, bool(int(flags, 16) & _SAMPLED))


def traceparent_of(trace_id: str, span_id: str, *, is_sampled: bool) -> str:
    """Return the header `traceparent` for calls of other services.

    >>> traceparent_of("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)
    '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
    """
    return f"00-{trace_id}-{span_id}-{'01' if is_sampled else '00'}"
