"""A conversation with the assistant: synthesizes commands, sends them in, and collects answers."""

import time
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import trio

from actors import Array, Audio, Data, Text

from ...events import InitProgress, Result
from ...execution import NodeStatistics
from ...links import LinkStatistics
from ...plan import Plan
from ...session import Runtime, Session
from .pipelines import assistant_pipeline, speaking_pipeline

CHUNK_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 0.8
_REFRESH_SECONDS: Final = 0.25


@dataclass(slots=True)
class Exchange:
    """One command and its answer.

    Attributes:
        recognized: the command, as it was recognized.
        answer: the assistant's answer.
        latency_seconds: from the chunk that completed the command to the first audio of the
            answer; None if there was no audio.
    """

    recognized: str
    answer: str = ""
    latency_seconds: float | None = None


@dataclass(slots=True)
class Conversation:
    """Everything that the demo shows of a conversation.

    Attributes:
        exchanges: in the order of recognition.
        answers: the assistant's voice, mono float32.
        nodes: every node's statistics.
        pids: the process of every node that has one.
        totals: the statistics of all links together.
        ready_seconds: from opening the session until every node was ready.
    """

    plan: Plan
    exchanges: list[Exchange] = field(default_factory=list)
    answers: list[Audio] = field(default_factory=list)
    nodes: dict[str, NodeStatistics] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    ready_seconds: float = 0.0
    totals: LinkStatistics = field(default_factory=LinkStatistics)


class ConversationView(Protocol):
    """Shows a conversation. Its methods run in the event loop, and must be quick."""

    def progress(self, progress: InitProgress) -> None:
        """Show how far a node's initialization is."""

    def level(self, sent_seconds: float, peak: float) -> None:
        """Show how much audio was sent, and its level, 0 to 1."""

    def refresh(self, conversation: Conversation) -> None:
        """Show the latest statistics and exchanges."""


async def synthesize(runtime: Runtime, commands: Sequence[str]) -> list[Audio]:
    """Return the commands in the user's voice, one item each."""
    async with runtime.open_session(speaking_pipeline()) as session, trio.open_nursery() as nursery:
        nursery.start_soon(_send_all, session, [Text(command) for command in commands])
        spoken = [result.data async for result in session if isinstance(result.data, Audio)]
    return spoken  # noqa: RET504 (a nursery may swallow what returns inside it)


def with_pauses(spoken: Iterable[Audio]) -> Audio:
    """Return one recording of all items, with a pause before and after each.

    Args:
        spoken: at least one item; all have the same sample rate.
    """
    parts = list(spoken)
    sample_rate = parts[0].sample_rate
    pause = np.zeros((int(sample_rate * _PAUSE_SECONDS), 1), np.float32)
    samples: list[Array] = [pause]
    for part in parts:
        samples += [part.as_float(), pause]
    return Audio(np.concatenate(samples), sample_rate)


async def in_chunks(recording: Audio, *, realtime: bool) -> AsyncGenerator[Audio, None]:
    """Yield a recording in chunks of 20 ms; with `realtime` at the pace of a microphone."""
    size = int(recording.sample_rate * CHUNK_SECONDS)
    began = trio.current_time()
    for start in range(0, recording.frames, size):
        await trio.sleep_until(began + start / recording.sample_rate if realtime else began)
        yield Audio(recording.samples[start : start + size], recording.sample_rate)


async def converse(
    runtime: Runtime, chunks: AsyncGenerator[Audio, None], view: ConversationView
) -> Conversation:
    """Run the assistant on chunks of audio, to their end."""
    plan = runtime.plan(assistant_pipeline())
    conversation = Conversation(plan)
    by_sequence: dict[int, Exchange] = {}
    began = time.perf_counter()
    async with runtime.open_session(plan) as session, trio.open_nursery() as nursery:
        async for progress in session.progress():
            view.progress(progress)
        conversation.ready_seconds = time.perf_counter() - began
        conversation.pids = session.processes()
        nursery.start_soon(_send_chunks, session, chunks, view)
        nursery.start_soon(_refresh, session, conversation, view)
        async for result in session:
            _collect(conversation, by_sequence, result)
        conversation.nodes = session.statistics()
        conversation.totals = session.totals()
        view.refresh(conversation)
        nursery.cancel_scope.cancel()
    return conversation


def _collect(conversation: Conversation, by_sequence: dict[int, Exchange], result: Result) -> None:
    """Add a result to the exchange of its sequence."""
    match result.node_id, result.data:
        case "heard", Text(text=text):
            exchange = by_sequence[result.sequence] = Exchange(text)
            conversation.exchanges.append(exchange)
        case "said", Text(text=text):
            by_sequence.setdefault(result.sequence, Exchange("")).answer = text
        case "speak", Audio() as audio:
            conversation.answers.append(audio)
            exchange = by_sequence.setdefault(result.sequence, Exchange(""))
            if exchange.latency_seconds is None:
                exchange.latency_seconds = result.latency_seconds


async def _send_all(session: Session, items: Iterable[Data]) -> None:
    for item in items:
        await session.send(item)
    await session.close_input()


async def _send_chunks(
    session: Session, chunks: AsyncGenerator[Audio, None], view: ConversationView
) -> None:
    sent_seconds = 0.0
    async with aclosing(chunks):
        async for chunk in chunks:
            await session.send(chunk)
            sent_seconds += chunk.duration_seconds
            view.level(sent_seconds, float(np.abs(chunk.as_float()).max(initial=0.0)))
    await session.close_input()


async def _refresh(session: Session, conversation: Conversation, view: ConversationView) -> None:
    """Request new statistics, as often as a person can read them."""
    while True:
        await trio.sleep(_REFRESH_SECONDS)
        session.refresh_statistics()
        conversation.nodes = session.statistics()
        view.refresh(conversation)
