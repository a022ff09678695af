"""LLMNode: the time to the first token over a bare HTTP client, and from barge-in to the close."""

import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
import trio

from actors import CancelSpeculation, Control, Text
from runtime import Session, open_runtime
from runtime.config import parse_config
from tests.actors.chat_endpoint import Endpoint, Exchange, Script, open_endpoint, wait_closed
from tests.session.pipelines import manifest

from .interleaved import COLUMNS, add_rows, in_turns
from .report import Report

ROUNDS = 50
TURNS = 5
PLACES = ("native", "multiprocess")


@asynccontextmanager
async def talk(endpoint: Endpoint, place: str) -> AsyncIterator[Session]:
    config = parse_config(
        f'[models.default]\nurl = "{endpoint.url}"\nmodel = "x"\n'
        '[routing]\nnative_override_types = ["*"]'
    )
    pipeline = manifest({"llm": ("LLMNode", {"history_turns": 0})}, places={"llm": place})
    async with open_runtime(config) as runtime, runtime.open_session(pipeline) as session:
        await session.wait_ready()
        yield session


async def answer(exchange: Exchange) -> None:
    """Answer with two tokens, and keep the connection."""
    while True:
        events = (b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n',) * 2
        end = b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
        await exchange.head("200 OK", "text/event-stream", "transfer-encoding: chunked")
        for data in (*events, end):
            await exchange.stream.send_all(b"%x\r\n%s\r\n" % (len(data), data))
        await exchange.stream.send_all(b"0\r\n\r\n")
        received = b""
        while not received.endswith(b"}"):  # the next request; its body ends with one
            data = await exchange.stream.receive_some()
            if not data:
                return
            received += data


async def first_token() -> None:
    """Measure all in turns, on connections that are open."""
    async with (
        open_endpoint(answer) as endpoint,
        httpx2.AsyncClient() as client,
        talk(endpoint, "native") as native,
        talk(endpoint, "multiprocess") as child,
    ):

        async def bare() -> list[float]:
            times = []
            request = {"model": "x", "messages": [{"role": "user", "content": "Hi"}]}
            for _ in range(ROUNDS):
                began = time.perf_counter()
                url = f"{endpoint.url}/chat/completions"
                async with client.stream("POST", url, json=request) as response:
                    events = aiter(httpx2.EventSource(response))
                    await anext(events)
                    times.append(1e6 * (time.perf_counter() - began))
                    async for _event in events:
                        pass
            return times

        def through(session: Session):
            async def run() -> list[float]:
                times = []
                for _ in range(ROUNDS):
                    began = time.perf_counter()
                    await session.send(Text("Hi"))
                    await session.receive()
                    times.append(1e6 * (time.perf_counter() - began))
                    while not (await session.receive()).data.metadata.get("final"):
                        pass
                return times

            return run

        batches = {
            "bare httpx2": bare,
            "LLMNode, native": through(native),
            "LLMNode, in a process": through(child),
        }
        times = await in_turns(batches, TURNS)
    report = Report("llm_first_token", f"Time to the first token, {ROUNDS} answers", COLUMNS)
    add_rows(report, times, "bare httpx2")
    report.show()


async def barge_in() -> None:
    """Measure how long after a barge-in the endpoint sees the end of its response."""
    times: dict[str, list[list[float]]] = {place: [[] for _ in range(TURNS)] for place in PLACES}
    closed: list[trio.Event] = []
    ended: list[float] = []

    async def endless(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.pieces("word", finish=None)
        await wait_closed(exchange, closed[-1])
        ended.append(time.perf_counter())

    script: Script = endless
    async with open_endpoint(script) as endpoint:
        for place in PLACES:
            async with talk(endpoint, place) as session:
                for turn in range(TURNS):
                    for number in range(ROUNDS // TURNS):
                        closed.append(trio.Event())
                        at = turn * ROUNDS + number + 1
                        await session.send(Text("Hi"), timestamp_ms=at)
                        await session.receive()
                        began = time.perf_counter()
                        await session.send(Control(CancelSpeculation(at, at)))
                        await session.receive()  # the message itself
                        await closed[-1].wait()
                        await trio.lowlevel.checkpoint()
                        times[place][turn].append(1e6 * (ended[-1] - began))
    report = Report("llm_barge_in", "From barge-in to the closed response", COLUMNS)
    add_rows(report, times, "native")
    report.show()


def main() -> None:
    """Run the measurements."""
    os.environ.setdefault("NO_PROXY", "127.0.0.1")
    trio.run(first_token)
    trio.run(barge_in)
