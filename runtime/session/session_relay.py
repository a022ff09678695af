"""What a session offers to a caller that relays the chunks and results of another, as a server."""

from actors import Data

from ..events import Result
from ..links import OnSent
from .session_input import SessionInput
from .session_output import SessionOutput, TakeResult


class SessionRelay:
    """The part of a session for its relay: chunks and results that need no turn of a scheduler.

    A turn costs as much as all else that is done to a small chunk.
    """

    _input: SessionInput
    _output: SessionOutput

    async def enter(
        self,
        data: Data,
        *,
        node: str,
        sequence: int,
        timestamp_ms: int,
        entered: OnSent,
        at_once: bool,
    ) -> None:
        """Send a chunk in, as `send` does, for a caller that relays chunks of others.

        Args:
            data: the item.
            node: as for `send`.
            sequence: as for `send`.
            timestamp_ms: as for `send`.
            entered: called when the chunk is on its link, before a node has it.
            at_once: let native nodes process the chunk before this returns, and `receive_unless`
                take its results, where neither has to wait. Others wait meanwhile: not for a
                caller that has more chunks already.

        Raises:
            MillraceError: as `send`.
        """
        await self._input.enter(
            data,
            node=node,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=entered,
            at_once=at_once,
        )

    async def receive_unless(self, taken: TakeResult) -> Result:
        """Return the next result of any sink that `taken` does not take.

        Args:
            taken: takes a result at once, on the task of the node that emits it, and returns
                True; or returns False, if it would have to wait. It must not block.

        Raises:
            trio.EndOfChannel: as `receive`.
            trio.BusyResourceError: as `receive`.
        """
        return await self._output.receive(taken)
