"""Snapshots of all workers, for an operator who watches the whole server."""

import os
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Final

import trio

from ..wire.codec import Codec
from ..wire.operations import ServerInfo, WatchServerResponse, WorkerInfo
from .peers import Peer, Peers
from .worker_questions import WorkerQuestions

SNAPSHOTS: Final = "/workers/Snapshots"
"""The path by which workers ask each other. It is no rpc of the server."""


class OtherWorkers:
    """Asks the other workers for snapshots."""

    def __init__(self, peers: Peers, codec: Codec) -> None:
        self._peers = peers
        self._codec = codec

    def watch(self, nursery: trio.Nursery) -> "WorkersWatch":
        """Return what one watch asks them through, with tasks in its nursery."""
        return WorkersWatch(self._peers, self._codec, nursery)


class WorkersWatch:
    """One watch of all workers. Each of them compares its snapshots with those it sent before."""

    def __init__(self, peers: Peers, codec: Codec, nursery: trio.Nursery) -> None:
        self._peers = peers
        self._codec = codec
        self._questions = WorkerQuestions(peers, SNAPSHOTS, nursery)

    async def with_others(
        self, own: Callable[[], Awaitable[WatchServerResponse]], most_sessions: int
    ) -> WatchServerResponse:
        """Return one snapshot of all workers.

        A worker that does not answer in time is in it as such, with nothing else.

        Args:
            own: returns this worker's.
            most_sessions: that are listed.
        """
        response, answers = await self._questions.ask(own)
        decoded = {
            peer: None if body is None else self._codec.decode(body, WatchServerResponse)
            for peer, body in answers.items()
        }
        return _merged(response, self._peers, decoded, most_sessions)


def _merged(
    own: WatchServerResponse,
    peers: Peers,
    answers: dict[Peer, WatchServerResponse | None],
    most_sessions: int,
) -> WatchServerResponse:
    """Return one snapshot; the time, the limits and the machine are the same for all workers."""
    answered = [own, *(each for each in answers.values() if each is not None)]
    servers = [each.server or ServerInfo() for each in answered]
    sessions = [session for each in answered for session in each.sessions]
    sessions.sort(key=lambda session: session.opened_ms)
    workers = [_worker(peers.number, os.getpid(), own)]
    workers += [_worker(peer.number, peer.process_id, each) for peer, each in answers.items()]
    server = servers[0]
    server.ended_sessions = dict(Counter(server.ended_sessions) + Counter(peers.ended))
    for other in servers[1:]:
        server.started_ms = min(server.started_ms, other.started_ms)
        server.sessions = dict(Counter(server.sessions) + Counter(other.sessions))
        server.ended_sessions = dict(Counter(server.ended_sessions) + Counter(other.ended_sessions))
        server.refused_sessions += other.refused_sessions
        server.cpu_seconds += other.cpu_seconds
        server.memory_bytes += other.memory_bytes
        server.processes_memory_bytes += other.processes_memory_bytes
        server.shared_memory_bytes += other.shared_memory_bytes
        server.loop_lag_ms = max(server.loop_lag_ms, other.loop_lag_ms)
        server.draining = server.draining or other.draining
    server.workers = sorted(workers, key=lambda worker: worker.number)
    own.server = server
    own.sessions = sessions[:most_sessions]
    omitted = sum(each.omitted_sessions for each in answered)
    own.omitted_sessions = omitted + len(sessions) - len(own.sessions)
    return own


def _worker(number: int, process_id: int, answer: WatchServerResponse | None) -> WorkerInfo:
    worker = WorkerInfo(number=number, process_id=process_id, answers=answer is not None)
    if answer is not None and answer.server is not None:
        server = answer.server
        worker.sessions = sum(server.sessions.values())
        worker.cpu_seconds = server.cpu_seconds
        worker.memory_bytes = server.memory_bytes
        worker.loop_lag_ms = server.loop_lag_ms
    return worker
