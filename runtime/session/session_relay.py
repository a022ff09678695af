"""What a session offers to a caller that relays the chunks and results of another, as a server."""

from actors import Control, Data

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
        self,
        data: Data,
        *,
        node: str,
        sequence: int,
        timestamp_ms: int,
        entered: OnEntered,
        directly: bool = True,
    ) -> bool:
        """Send a chunk in if it need not wait, and let nodes of this process take it at once.

        Before this returns, native nodes that wait for an item and do not await have processed it,
        and the function of `receive_unless` has received the results. Other tasks wait meanwhile:
        so a caller that has more chunks already does not want that.

        Args:
            data: the item.
            node: as for `Session.send`.
            sequence: as for `Session.send`.
            timestamp_ms: as for `Session.send`.
            entered: called when the chunk is on its link, before the node has it.
            directly: whether nodes of this process take it at once.

        Returns:
            Whether it was sent; otherwise nothing has happened, and it is for `enter`.

        Raises:
            MillraceError: the chunk is refused, as by `Session.send`.
        """
        return self._input.try_enter(
            data,
            node=node,
            sequence=sequence,
            timestamp_ms=timestamp_ms,
            entered=entered,
            directly=directly,
        )

    def announce(self, control: Control, *, node: str, sequence: int, timestamp_ms: int) -> Control:
        """Tell the nodes of a control message that is behind chunks which wait for room.

        Returns:
            What `enter_announced` sends in, in its turn.

        Raises:
            MillraceError: it is refused, as by `Session.send`.
        """
        return self._input.announce(
            control, node=node, sequence=sequence, timestamp_ms=timestamp_ms
        )

    async def enter_announced(
        self, control: Control, *, node: str, sequence: int, timestamp_ms: int, entered: OnEntered
    ) -> None:
        """Send in what `announce` has returned.

        Args:
            control: the message.
            node: as for `announce`.
            sequence: as for `announce`.
            timestamp_ms: as for `announce`.
            entered: as for `enter`.

        Raises:
            MillraceError: as `Session.send`.
        """
        await self._input.enter_announced(
            control, node=node, sequence=sequence, timestamp_ms=timestamp_ms, entered=entered
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
