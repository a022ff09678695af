"""The WebSockets of the pages.

A WebSocket, and no stream of events over HTTP: the port limits the time of a response, and pings a
WebSocket to see whether its client is there. It also carries what the page wants to watch.
"""

from typing import Final

from starlette.websockets import WebSocket

from .shown_page import ShownPage
from .state import ConsoleState

# Of one server's operators. One more costs a copy of each snapshot.
_MOST_PAGES: Final = 32
_TRY_LATER: Final = 1013
_POLICY_VIOLATION: Final = 1008


class LiveConnections:
    """The open pages of a console."""

    def __init__(self, console: ConsoleState) -> None:
        self._console = console
        self._open = 0

    async def run(self, socket: WebSocket) -> None:
        """Send a page what it watches, until it leaves."""
        await socket.accept()
        if self._open >= _MOST_PAGES:
            await socket.close(_TRY_LATER, f"{_MOST_PAGES} pages are open already")
            return
        self._open += 1
        try:
            await ShownPage(self._console, _WebSocketPage(socket), self._console.peers).run()
        finally:
            self._open -= 1


class _WebSocketPage:
    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket

    async def receive(self) -> str | None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            return None
        return message.get("text") or ""

    async def send(self, text: str) -> None:
        await self._socket.send_text(text)

    async def refuse(self) -> None:
        await self._socket.close(_POLICY_VIOLATION)
