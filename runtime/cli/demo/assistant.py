"""Runs the demonstration: speaks the commands, feeds them in as they would be heard, collects."""

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
from .pipeline import assistant_pipeline, speaking_pipeline

CHUNK_SECONDS: Final = 0.02
_PAUSE_SECONDS: Final = 0.8
_REFRESH_SECONDS: Final = 0.25


@dataclass(slots=True)
class Exchange:
    """One command and what came of it.

    Attributes:
        understood: what was recognized.
        answer: what the assistant said to it.
        answered_after_seconds: from the chunk that completed the command to the first sound of the
            answer; None if there was none.
    """

    understood: str
    answer: str = ""
    answered_after_seconds: float | None = None


@dataclass(slots=True)
class Outcome:
    """What the demonstration has to show.

    Attributes:
        exchanges: in the order in which they were heard.
        answers: the assistant's voice, mono float32.
        nodes: every node's figures.
        pids: the process of every node that has one.
        totals: what the links have moved.
        ready_seconds: from opening the session until every node was ready.
    """

    plan: Plan
    exchanges: list[Exchange] = field(default_factory=list)
    answers: list[Audio] = field(default_factory=list)
    nodes: dict[str, NodeStatistics] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)
    ready_seconds: float = 0.0
    totals: LinkStatistics = field(default_factory=LinkStatistics)


class Watcher(Protocol):
    """Whoever wants to see it happen; every call is quick."""

    def progress(self, progress: InitProgress) -> None:
        """Take in how far a node's initialization is."""

    def level(self, heard_seconds: float, peak: float) -> None:
        """Take in how loud it is, 0 to 1."""

    def refreshed(self, outcome: Outcome) -> None:
        """Take in the latest figures and exchanges."""


async def speak(runtime: Runtime, commands: Sequence[str]) -> list[Audio]:
    """Return the commands in the user's voice, one item each."""
    async with runtime.open_session(speaking_pipeline()) as session, trio.open_nursery() as nursery:
        nursery.start_soon(_send_all, session, [Text(command) for command in commands])
        spoken = [result.data async for result in session if isinstance(result.data, Audio)]
    return spoken  # noqa: RET504 (a nursery may swallow what returns inside it)


def with_pauses(spoken: Iterable[Audio]) -> Audio:
    """Return one recording with a pause before and after every item."""
    parts = list(spoken)
    sample_rate = parts[0].sample_rate
    pause = np.zeros((int(sample_rate * _PAUSE_SECONDS), 1), np.float32)
    samples: list[Array] = [pause]
    for part in parts:
        samples += [part.as_float(), pause]
    return Audio(np.concatenate(samples), sample_rate)


async def in_real_time(recording: Audio, *, pace: float = 1.0) -> AsyncGenerator[Audio, None]:
    """Yield a recording in chunks as a microphone would; `pace` 0 does not wait."""
    size = int(recording.sample_rate * CHUNK_SECONDS)
    began = trio.current_time()
    for start in range(0, recording.frames, size):
        await trio.sleep_until(began + pace * start / recording.sample_rate)
        yield Audio(recording.samples[start : start + size], recording.sample_rate)


async def converse(
    runtime: Runtime, chunks: AsyncGenerator[Audio, None], watcher: Watcher
) -> Outcome:
    """Run the assistant on what it hears, to the end of the chunks."""
    plan = runtime.plan(assistant_pipeline())
    outcome = Outcome(plan)
    by_sequence: dict[int, Exchange] = {}
    began = time.perf_counter()
    async with runtime.open_session(plan) as session, trio.open_nursery() as nursery:
        async for progress in session.progress():
            watcher.progress(progress)
        outcome.ready_seconds = time.perf_counter() - began
        outcome.pids = session.processes()
        nursery.start_soon(_feed, session, chunks, watcher)
        nursery.start_soon(_refresh, session, outcome, watcher)
        async for result in session:
            _collect(outcome, by_sequence, result)
        outcome.nodes = session.statistics()
        outcome.totals = session.totals()
        watcher.refreshed(outcome)
        nursery.cancel_scope.cancel()
    return outcome


def _collect(outcome: Outcome, by_sequence: dict[int, Exchange], result: Result) -> None:
    match result.node_id, result.data:
        case "heard", Text(text=text):
            exchange = by_sequence[result.sequence] = Exchange(text)
            outcome.exchanges.append(exchange)
        case "said", Text(text=text):
            by_sequence.setdefault(result.sequence, Exchange("")).answer = text
        case "speak", Audio() as audio:
            outcome.answers.append(audio)
            exchange = by_sequence.setdefault(result.sequence, Exchange(""))
            if exchange.answered_after_seconds is None:
                exchange.answered_after_seconds = result.latency_seconds


async def _send_all(session: Session, items: Iterable[Data]) -> None:
    for item in items:
        await session.send(item)
    await session.close_input()


async def _feed(session: Session, chunks: AsyncGenerator[Audio, None], watcher: Watcher) -> None:
    heard_seconds = 0.0
    async with aclosing(chunks):
        async for chunk in chunks:
            await session.send(chunk)
            heard_seconds += chunk.duration_seconds
            watcher.level(heard_seconds, float(np.abs(chunk.as_float()).max(initial=0.0)))
    await session.close_input()


async def _refresh(session: Session, outcome: Outcome, watcher: Watcher) -> None:
    """Ask for new figures as often as a person can read them."""
    while True:
        await trio.sleep(_REFRESH_SECONDS)
        session.refresh_statistics()
        outcome.nodes = session.statistics()
        watcher.refreshed(outcome)
