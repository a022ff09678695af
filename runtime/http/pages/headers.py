"""The headers that restrict what a page may do."""

from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data: blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "cache-control": "no-store",
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    # `no-referrer` would make browsers send "Origin: null" with the form.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "x-frame-options": "DENY",
}


class PageHeaders:
    """Adds the headers to every response of an application.

    Args:
        pages: the application.
        microphone: whether its pages may record.
    """

    def __init__(self, pages: ASGIApp, *, microphone: bool = False) -> None:
        self._pages = pages
        allowed = f"camera=(), microphone=({'self' if microphone else ''}), geolocation=()"
        more = {**_HEADERS, "permissions-policy": allowed}
        self._headers = [(name.encode(), value.encode()) for name, value in more.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_more(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                message["headers"] = [*message["headers"], *self._headers]
            await send(message)

        await self._pages(scope, receive, send_more)
