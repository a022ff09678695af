"""An attach to a session on a server."""

from ..wire import ControlEvent, ControlFrame
from .bridge import Bridge
from .call import ClientCall


class RemoteAttach:
    """An attach to a session: send frames and receive events, also at the same time."""

    def __init__(
        self, call: ClientCall[ControlEvent], bridge: Bridge, first: ControlEvent | None = None
    ) -> None:
        """Go on with a call that has sent `hello`.

        Args:
            call: the call.
            bridge: to the loop that the call runs on.
            first: an event that has arrived already.
        """
        self._call = call
        self._bridge = bridge
        self._first = first

    async def send(self, frame: ControlFrame) -> None:
        """Send a frame; wait while the server's flow control window is full.

        Raises:
            MillraceError: the call has ended.
        """
        await self._bridge.run(self._call.send, self._call.encode(frame))

    async def receive(self) -> ControlEvent | None:
        """Return the next event; None at the end.

        Raises:
            MillraceError: the call failed; there is no such session, or no right to it.
        """
        first, self._first = self._first, None
        if first is not None:
            await self._bridge.checkpoint()
            return first
        return await self._bridge.run(self._call.receive)

    async def close(self) -> None:
        """Half-close: the server ends the attach, and leaves the session.

        Raises:
            MillraceError: the call has ended.
        """
        await self._bridge.run(self._call.end)
