"""One question to all other workers, asked again and again."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import trio

from .call_errors import CallError
from .peers import Peer, Peers

# A worker whose event loop runs answers a little after a snapshot's own lead of 0.1 s.
_ANSWER_SECONDS: Final = 1.0

T = TypeVar("T")


class WorkerQuestions:
    """Asks the other workers, each over one call that stays open.

    Args:
        peers: the other workers.
        path: at which they answer: an empty message with a message.
        nursery: where the calls run.
    """

    def __init__(self, peers: Peers, path: str, nursery: trio.Nursery) -> None:
        self._peers = peers
        self._path = path
        self._nursery = nursery
        self._asked: dict[Peer, _Question] = {}

    async def ask(self, own: Callable[[], Awaitable[T]]) -> tuple[T, dict[Peer, bytes | None]]:
        """Return this worker's answer, and those of the others; None for one that is late."""
        others = self._peers.others
        for peer in others:
            if peer not in self._asked:
                self._asked[peer] = _Question()
                self._nursery.start_soon(self._follow, peer, self._asked[peer])
        questions = {peer: self._asked[peer] for peer in others}
        for question in questions.values():
            question.ask()
        with trio.CancelScope() as waiting:
            async with trio.open_nursery() as nursery:
                for question in questions.values():
                    nursery.start_soon(question.wait_answered)
                answer = await own()
                waiting.deadline = trio.current_time() + _ANSWER_SECONDS
        return answer, {peer: question.answer for peer, question in questions.items()}

    async def _follow(self, peer: Peer, question: "_Question") -> None:
        """Ask a worker whenever it is wanted, until it ends."""
        try:
            async with peer.call_with_bytes(self._path) as call:
                while True:
                    await question.wait_asked()
                    await call.send_bytes(b"")
                    answer = await call.receive_bytes()
                    if answer is None:
                        break
                    question.give(answer)
        except CallError:
            pass  # it has ended, or ends; the supervisor reports the next one
        finally:
            question.end()
            del self._asked[peer]


class _Question:
    """A worker is asked, and answers."""

    def __init__(self) -> None:
        self.answer: bytes | None = None
        self._has_ended = False
        self._is_asked = False
        self._changed = trio.lowlevel.ParkingLot()

    def ask(self) -> None:
        self.answer = None
        self._is_asked = True
        self._changed.unpark_all()

    def give(self, answer: bytes) -> None:
        self.answer = answer
        self._changed.unpark_all()

    def end(self) -> None:
        self._has_ended = True
        self._changed.unpark_all()

    async def wait_asked(self) -> None:
        while not self._is_asked:
            await self._changed.park()
        self._is_asked = False

    async def wait_answered(self) -> None:
        while self.answer is None and not self._has_ended:
            await self._changed.park()
