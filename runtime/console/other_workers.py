"""The other workers of a server: the list of their sessions, and who has which."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
import trio

from ..service import Peer, Peers, WorkerQuestions
from .snapshots import MOST_SESSIONS

LIST: Final = "/workers/ConsoleSessions"
"""Where a worker answers with the snapshot of its own sessions."""

PAGE: Final = "/workers/ConsolePage"
"""Where a worker shows a session of its own to a page that another worker is connected to."""

_SUMS: Final = ("refused", "cpu_seconds", "memory_bytes", "shared_memory_bytes")


class SessionLists:
    """The lists of all workers as one.

    Args:
        peers: the other workers; None: the server is one process.
        nursery: where they are asked.
    """

    def __init__(self, peers: Peers | None, nursery: trio.Nursery) -> None:
        self._peers = peers
        self._questions = None if peers is None else WorkerQuestions(peers, LIST, nursery)

    async def snapshot(self, own: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Return the list of this worker with those of the others, as far as they answer."""
        if self._questions is None or self._peers is None:
            return await own()
        snapshot, answers = await self._questions.ask(own)
        decoded = {
            peer: None if body is None else msgspec.json.decode(body)
            for peer, body in answers.items()
        }
        return merged(snapshot, self._peers, decoded)


def merged(
    own: dict[str, Any], peers: Peers, answers: Mapping[Peer, dict[str, Any] | None]
) -> dict[str, Any]:
    """Return one list; the time, the limits and the machine are the same for all workers.

    Args:
        own: the list of this worker.
        peers: the other workers, and those that are gone.
        answers: the lists of the others; None for one that does not answer.
    """
    lists = [own, *(each for each in answers.values() if each is not None)]
    sessions = [session for each in lists for session in each["sessions"]]
    sessions.sort(key=lambda session: session["opened_ms"])
    shown = sessions[:MOST_SESSIONS]
    servers = [each["server"] for each in lists]
    sums = {key: sum(each[key] for each in servers) for key in _SUMS}
    states = _counted([each["states"] for each in servers])
    ended = _counted([*(each["ended"] for each in servers), peers.ended])
    workers = [
        _worker(peers.number, own),
        *(_worker(p.number, each) for p, each in answers.items()),
    ]
    workers.sort(key=lambda worker: worker["number"])
    return {
        **own,
        "sessions": shown,
        "omitted": sum(each["omitted"] for each in lists) + len(sessions) - len(shown),
        "server": {**own["server"], **sums, "states": states, "ended": ended, "workers": workers},
    }


def _counted(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return dict(total)


def _worker(number: int, answer: dict[str, Any] | None) -> dict[str, Any]:
    sessions = None if answer is None else len(answer["sessions"]) + answer["omitted"]
    return {"number": number, "answers": answer is not None, "sessions": sessions}
