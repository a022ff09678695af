"""Conversations without a browser: any client that speaks the documented messages."""

import json
import struct
from contextlib import AsyncExitStack
from pathlib import Path

import numpy as np
import pytest
import trio

from runtime import ConfigError
from runtime.config import parse_config
from runtime.session import EndReason
from runtime.talk import open_talk
from tests.conftest import OpenRuntime
from tests.http.serving import get
from tests.service.test_endings import logged
from tests.session.pipelines import manifest
from tests.talk.client import SILENCE, chunk, talking
from tests.talk.serving import talk_port
from tests.talk.specimens import HOSTILE, TONE_SECONDS, of_one

ECHO = {"echo": of_one("PassThrough")}


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
async def test_audio_of_any_rate_goes_in_and_comes_back(
    runtime_with: OpenRuntime, rate: int
) -> None:
    async with talk_port(runtime_with, ECHO) as (server, _, runtime), talking(server) as client:
        ready = await client.next("ready")
        assert runtime.sessions[ready["session"]].peer.startswith("127.0.0.1:")
        samples = np.arange(rate // 50, dtype=np.int16)
        await client.send(chunk(samples, rate, timestamp_ms=40))
        back = await client.receive()
        assert struct.unpack_from("<BBBBIII", back) == (1, 2, 1, 0, rate, 0, 40)
        assert np.array_equal(np.frombuffer(back, np.int16, offset=16), samples)
        loud = np.array([[2.0, np.nan], [-2.0, 0.5]], np.float32)
        await client.send(chunk(loud, rate, timestamp_ms=60, channels=2))
        back = await client.receive()
        assert struct.unpack_from("<BBBBIII", back) == (1, 2, 2, 0, rate, 1, 60)
        assert np.frombuffer(back, np.int16, offset=16).tolist() == [32767, 0, -32767, 16383]
        await client.ask("end")
        assert (await client.ends())["type"] == "closed"
        assert client.code == 1000
    assert runtime.endings.after(0)[-1].session.ending.reason is EndReason.CLIENT_CLOSE


async def test_a_session_ends_with_its_socket(runtime_with: OpenRuntime) -> None:
    async with talk_port(runtime_with, ECHO) as (server, talk, runtime):
        async with talking(server) as client:
            await client.next("ready")
            (session,) = runtime.sessions.values()
        await session.ended.wait()
        assert not runtime.sessions
    assert runtime.endings.after(0)[-1].session.ending.reason is EndReason.DISCONNECTED
    assert not talk.active


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (b"short", "header of 16 bytes"),
        (chunk(np.zeros(960, np.int16), kind=2), "is audio"),
        (chunk(np.zeros(960, np.int16), form=7), "is audio"),
        (chunk(np.zeros(960, np.int16), channels=0), "0 at 48000 Hz"),
        (chunk(np.zeros(960, np.int16), rate=7), "at 7 Hz"),
        (chunk(np.zeros(961, np.int16), channels=2), "whole frames"),
        (chunk(np.zeros(0, np.int16)), "whole frames"),
        (chunk(np.zeros(16001, np.int16), rate=16000), "at most 1 s"),
        ("no JSON", "is JSON"),
        ("[1]", "is JSON"),
        ('{"type": 1}', "is JSON"),
        ('{"type": "x", "a": ' + "[" * 5000 + "]" * 5000 + "}", "is JSON"),
    ],
)
async def test_a_message_that_is_not_valid_ends_its_own_conversation_only(
    runtime_with: OpenRuntime, message: bytes | str, reason: str
) -> None:
    async with (
        talk_port(runtime_with, ECHO) as (server, _, runtime),
        talking(server) as other,
        talking(server) as client,
    ):
        await other.next("ready")
        await client.next("ready")
        await client.send(message)
        last = await client.ends()
        assert last["type"] == "error"
        assert reason in last["message"]
        assert client.code == 1008
        assert runtime.endings.after(0)[-1].session.ending.reason is EndReason.INVALID_INPUT
        await other.send(SILENCE)
        assert isinstance(await other.receive(), bytes)


async def test_requests_of_newer_clients_are_ignored(runtime_with: OpenRuntime) -> None:
    async with talk_port(runtime_with, ECHO) as (server, _, _), talking(server) as client:
        await client.send(json.dumps({"type": "new", "more": [1]}))
        await client.ask("end")
        assert (await client.ends())["type"] == "closed"


async def test_the_end_stops_the_sources_that_generate_items(runtime_with: OpenRuntime) -> None:
    beside = {"pipeline": manifest({"voice": "PassThrough", "clock": "SilentSource"})}
    async with (
        talk_port(runtime_with, beside) as (server, _, _),
        talking(server, pipeline="pipeline") as client,
    ):
        await client.next("ready")
        await client.ask("end")
        assert (await client.ends())["type"] == "closed"


async def test_a_conversation_counts_as_a_session(runtime_with: OpenRuntime) -> None:
    limits = {"max_sessions": 1}
    async with (
        talk_port(runtime_with, ECHO, limits=limits) as (server, _, _),
        talking(server) as one,
    ):
        await one.next("ready")
        async with talking(server) as other:
            last = await other.ends()
            assert "max_sessions" in last["message"]
        await one.send(SILENCE)
        assert isinstance(await one.receive(), bytes)


async def test_an_unknown_pipeline_is_an_error_of_the_caller(runtime_with: OpenRuntime) -> None:
    async with (
        talk_port(runtime_with, ECHO) as (server, _, runtime),
        talking(server, "../../etc/passwd") as client,
    ):
        assert "no such pipeline" in (await client.ends())["message"]
        assert client.code == 1008
        assert not runtime.sessions


async def test_a_failing_node_is_named(runtime_with: OpenRuntime) -> None:
    pipelines = {"bad": of_one("Raising", "multiprocess", "culprit")}
    async with (
        talk_port(runtime_with, pipelines) as (server, _, _),
        talking(server, "bad") as client,
    ):
        await client.next("ready")
        await client.send(SILENCE)
        last = await client.ends()
        assert (last["type"], last["node"]) == ("error", "culprit")
        assert client.code == 1011


async def test_a_pipeline_that_is_too_slow_loses_audio_and_not_the_connection(
    runtime_with: OpenRuntime,
) -> None:
    pipelines = {"slow": of_one("HangingNode")}
    async with talk_port(runtime_with, pipelines) as (server, _, runtime):
        async with talking(server, "slow") as client:
            await client.next("ready")
            (session,) = runtime.sessions.values()
            for number in range(1000):
                await client.send(chunk(np.zeros(960, np.int16), timestamp_ms=20 * number))
            assert (await client.next("dropped"))["chunks"] == 1
            # It is noticed although no audio is taken any more, and no interruption either.
            await client.ask("interrupt")
            await client.next("interrupt")
        await session.ended.wait()


async def test_a_page_gets_audio_no_faster_than_it_can_play_and_none_after_an_interruption(
    runtime_with: OpenRuntime,
) -> None:
    pipelines = {"tone": of_one("ToneNode")}
    async with (
        talk_port(runtime_with, pipelines) as (server, _, runtime),
        talking(server, "tone") as client,
    ):
        await client.next("ready")
        await client.send(SILENCE)
        for is_partial in (True, False):
            text = await client.next("text")
            assert (text["text"], text["partial"], text["node"]) == (HOSTILE, is_partial, "node")
        seconds = 0.0
        while seconds < 20:
            seconds += (len(await client.receive()) - 16) / 2 / 16000
        (session,) = runtime.sessions.values()
        # The rest waits in the pipeline, whose links are bounded, not in the page.
        assert session.totals().dropped == 0
        await client.ask("interrupt")
        while not isinstance(message := await client.receive(), dict):
            seconds += 0.1
        assert message["type"] == "interrupt"
        assert seconds < TONE_SECONDS / 2
        await client.ask("end")
        rest = []
        while (message := await client.receive()) is not None:
            rest.append(message)
        assert [each["type"] for each in rest if isinstance(each, dict)] == ["closed"]
        assert len(rest) == 1, "audio after the interruption"


async def test_a_page_that_does_not_read_is_left_and_its_session_ends(
    runtime_with: OpenRuntime,
) -> None:
    pipelines = {"flood": of_one("FloodNode"), **ECHO}
    async with (
        talk_port(runtime_with, pipelines, request_timeout_secs=0.3) as (server, _, runtime),
        talking(server, "echo") as other,
        talking(server, "flood") as client,
    ):
        await other.next("ready")
        ready = await client.next("ready")
        await client.send(SILENCE)
        # The server waits for the socket, and the pipeline for the server: nothing is collected.
        await runtime.sessions[ready["session"]].ended.wait()
        assert runtime.endings.after(0)[-1].session.ending.reason is EndReason.DISCONNECTED
        await other.send(SILENCE)
        assert isinstance(await other.receive(), bytes)


async def test_connections_without_a_conversation_end_none(runtime_with: OpenRuntime) -> None:
    async with (
        talk_port(runtime_with, ECHO, max_connections=1) as (server, _, _),
        talking(server) as one,
        talking(server) as two,
    ):
        await one.next("ready")
        await two.next("ready")
        assert (await get(server, "/livez")).status == 200
        for client in (one, two):
            await client.send(SILENCE)
            assert isinstance(await client.receive(), bytes)


async def test_conversations_wait_for_room_in_a_bounded_number(runtime_with: OpenRuntime) -> None:
    limits = {"max_sessions": 1, "session_wait_secs": 60}
    async with (
        talk_port(runtime_with, ECHO, limits=limits) as (server, _, _),
        AsyncExitStack() as stack,
    ):
        first = await stack.enter_async_context(talking(server))
        await first.next("ready")
        waiting = await stack.enter_async_context(talking(server))
        async with talking(server) as late:
            assert "too many" in (await late.ends())["message"]
            assert late.code == 1013
        await first.ask("end")
        await waiting.next("ready")


async def test_refused_conversations_are_logged_and_counted(runtime_with: OpenRuntime) -> None:
    limits = {"max_sessions": 1}
    with logged() as entries:
        async with (
            talk_port(runtime_with, ECHO, limits=limits) as (server, talk, runtime),
            talking(server) as client,
        ):
            await client.next("ready")
            for pipeline in ("other", "echo"):
                async with talking(server, pipeline) as late:
                    await late.ends()
            assert late.code == 1013
            await client.ask("end")
            await client.ends()
            await talk.drain(0)
            async with talking(server) as late:
                await late.ends()
            refused = runtime.metrics.session_counts().refused
    assert refused == {"ManifestError": 1, "ServerFullError": 1, "ShutdownError": 1}
    told = [each for each in entries() if each["event"] == "session refused"]
    assert [(each["manifest"], each["error"]) for each in told] == [
        ("other", "ManifestError"),
        ("test", "ServerFullError"),
        ("test", "ShutdownError"),
    ]
    assert all(each["peer"].startswith("127.0.0.1:") for each in told)


async def test_a_pipeline_can_interrupt_itself(runtime_with: OpenRuntime) -> None:
    pipelines = {"turns": of_one("CancellingNode")}
    async with (
        talk_port(runtime_with, pipelines) as (server, _, _),
        talking(server, "turns") as client,
    ):
        await client.next("ready")
        await client.send(chunk(np.zeros(960, np.int16), timestamp_ms=1234))
        assert (await client.next("interrupt"))["until_ms"] == 1234


async def test_a_server_that_shuts_down_ends_conversations_and_refuses_new_ones(
    runtime_with: OpenRuntime,
) -> None:
    async with (
        talk_port(runtime_with, ECHO) as (server, talk, runtime),
        talking(server) as client,
    ):
        await client.next("ready")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.drain, 0)
            assert "shutting down" in (await client.ends())["message"]
            assert client.code == 1001
        async with talking(server) as late:
            assert "shutting down" in (await late.ends())["message"]
    assert runtime.endings.after(0)[-1].session.ending.reason is EndReason.SERVER_STOP


@pytest.mark.parametrize(
    ("pipeline", "fault"),
    [
        (manifest({"a": "NoSuchNode"}), "NoSuchNode"),
        (manifest({"a": "EspeakNode"}), "no source of this pipeline takes audio"),
    ],
)
async def test_a_pipeline_that_cannot_be_talked_to_is_refused_at_the_start(
    runtime_with: OpenRuntime, pipeline: object, fault: str
) -> None:
    with pytest.raises(ConfigError, match=fault) as caught:
        async with talk_port(runtime_with, {"bad": pipeline}):  # type: ignore[dict-item]
            pass
    assert str(caught.value).startswith("pipelines.bad")


async def test_pipelines_are_read_from_the_files_that_the_operator_names(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    settings = parse_config(
        f"""
        [http]
        enabled = true
        talk = true
        [pipelines]
        missing = "{tmp_path}/missing.yaml"
        """
    )
    with pytest.raises(ConfigError, match="pipelines.missing: .*missing.yaml"):
        async with runtime_with(settings) as runtime, open_talk(runtime, environment={}):
            pass
