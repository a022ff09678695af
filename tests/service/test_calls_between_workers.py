"""Calls between workers whose messages are bytes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from runtime.service import BytesFromPeer, CallError, Peer, Peers
from runtime.service.passed_calls import PassedCalls
from runtime.service.peers import listen_for_peers
from runtime.wire import StreamResponse
from runtime.wire.codec import Codec


async def echo(call: BytesFromPeer) -> None:
    while (body := await call.receive_bytes()) is not None:
        await call.send_bytes(body)


@asynccontextmanager
async def worker(folder: Path) -> AsyncIterator[tuple[Peers, Peer]]:
    """A worker that answers, and what calls it."""
    peers = Peers(0)
    listener, path = listen_for_peers(folder)
    async with trio.open_nursery() as nursery:
        await nursery.start(PassedCalls({}, Codec(StreamResponse), peers).serve, listener)
        yield peers, Peer(0, 0, path)
        nursery.cancel_scope.cancel()


async def test_bytes_are_answered_until_the_caller_ends_its_side(tmp_path: Path) -> None:
    async with worker(tmp_path) as (peers, peer):
        with peers.answering({"/echo": echo}):
            async with peer.call_with_bytes("/echo") as call:
                for body in (b"", b"one", b"x" * 1_000_000):
                    await call.send_bytes(body)
                    assert await call.receive_bytes() == body
                await call.half_close()
                assert await call.receive_bytes() is None


async def test_a_call_that_nothing_answers_any_more_is_refused_and_others_go_on(
    tmp_path: Path,
) -> None:
    async with worker(tmp_path) as (peers, peer):
        with peers.answering({"/echo": echo}):
            pass
        for _ in range(2):
            async with peer.call_with_bytes("/echo") as call:
                with pytest.raises(CallError, match="does not answer such calls now"):
                    await call.receive_bytes()
        with peers.answering({"/echo": echo}):
            async with peer.call_with_bytes("/echo") as call:
                await call.send_bytes(b"again")
                assert await call.receive_bytes() == b"again"
