"""What a session offers to a caller that relays the chunks and results of another, as a server."""

from actors import Data

from ..events import Result
from .session_input import OnEntered, SessionInput
from .session_output import SessionOutput, TakeResult


class SessionRelay:
    """The part of a session for its relay: chunks and results that need no turn of a scheduler.

    Such turns cost as much as all else that is done to a small chunk.
    """

    _input: SessionInput
    _output: SessionOutput

    def try_enter(
        self, data: Data, *, node: str, sequence: int, timestamp_ms: int, entered: OnEntered
    ) -> bool:
        """Send a chunk in if it need not wait, and let nodes of this process take it at once.

        Before this returns, native nodes that wait for an item and do not await have processed it,
        and the function of `receive_unless` has received the results. Other tasks wait meanwhile:
        so this is not for a caller that has more chunks already.

        Args:
            data: the item.
            node: as for `Session.send`.
            sequence: as for `Session.send`.
            timestamp_ms: as for `Session.send`.
            entered: called when the chunk is on its link, before the node has it.

        Returns:
            Whether it was sent; otherwise nothing has happened, and it is for `enter`.

        Raises:
            MillraceError: the chunk is refused, as by `Session.send`.
        """
        return self._input.try_enter(
            data, node=node, sequence=sequence, timestamp_ms=timestamp_ms, entered=entered
        )

    async def enter(
        self, data: Data, *, node: str, sequence: int, timestamp_ms: int, entered: OnEntered
    ) -> None:
        """Send a chunk in, as `Session.send` does.

        Args:
            data: the item.
            node: as for `Session.send`.
            sequence: as for `Session.send`.
            timestamp_ms: as for `Session.send`.
            entered: called when the chunk is on its link.

        Raises:
            MillraceError: as `Session.send`.
        """
        await self._input.enter(
            data, node=node, sequence=sequence, timestamp_ms=timestamp_ms, entered=entered
        )

    async def receive_unless(self, taken: TakeResult) -> Result:
        """Return the next result of any sink that `taken` does not take.

        Args:
            taken: takes a result at once, on the task that sent its chunk, and returns True; or
                returns False, if it would have to wait. It must not block.

        Raises:
            trio.EndOfChannel: as `Session.receive`.
            trio.BusyResourceError: as `Session.receive`.
        """
        return await self._output.receive(taken)
