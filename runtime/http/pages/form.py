"""Reads a form of a page."""

from contextlib import aclosing
from typing import Final
from urllib.parse import parse_qs

from starlette.requests import Request

_MOST_BYTES: Final = 8192


async def form_value(request: Request, name: str) -> str:
    """Return a value of a form; "" if there is none, or the form is too long."""
    body = b""
    async with aclosing(request.stream()) as parts:
        async for part in parts:
            body += part
            if len(body) > _MOST_BYTES:
                return ""
    values = parse_qs(body.decode("ascii", "replace")).get(name, [""])
    return values[0].strip()
