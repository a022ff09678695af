"""Audio over WebRTC: in a real browser, and what a client may not send."""

import asyncio
import json
import re
import socket
import sys
from typing import Any

import pytest
import trio_asyncio
from pydantic import ValidationError

from runtime import ConfigError, RuntimeConfig
from runtime.http import HttpServer
from runtime.talk import open_talk
from tests.browser.chromium import Browser, Page
from tests.conftest import OpenRuntime
from tests.talk.client import SILENCE, talking
from tests.talk.serving import config, talk_port
from tests.talk.specimens import FIRST, SECOND, SHORT_ANSWER, assistant, of_one
from tests.talk.test_in_the_browser import LEVEL, STATE, entry, talk_to

pytest.importorskip("aiortc", reason="install the webrtc extra")

from aiortc import AudioStreamTrack, RTCConfiguration, RTCPeerConnection, RTCSessionDescription

from runtime.talk.webrtc import peer, udp
from runtime.talk.webrtc.offer import read_offer

WORDS = ".querySelector('.words').textContent"
# The page's peer connections, and how many binary messages its WebSockets have seen.
WATCHED = """
    window.peers = [];
    window.binary = 0;
    const Peer = RTCPeerConnection;
    window.RTCPeerConnection = class extends Peer {
        constructor(...all) { super(...all); peers.push(this); }
    };
    const send = WebSocket.prototype.send;
    WebSocket.prototype.send = function (data) {
        binary += typeof data !== "string";
        this.addEventListener("message", ({ data }) => { binary += typeof data !== "string"; });
        return send.call(this, data);
    };
    1
"""


async def opened(browser: Browser, server: HttpServer, pipeline: str) -> Page:
    """Return a page that talks over WebRTC."""
    page = await browser.new_page()
    await page.go(f"http://{server.address}/talk/")
    await page.wait("!document.querySelector('#transport').hidden")
    await page.value(WATCHED)
    await talk_to(page, pipeline)
    return page


async def test_a_conversation_over_webrtc_is_heard_answered_and_interrupted(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    pytest.importorskip("pocketsphinx", reason="install the speech extra")
    pipelines = {"assistant": assistant()}
    async with talk_port(runtime_with, pipelines, talk_webrtc=True) as (server, _, runtime):
        page = await opened(browser, server, "assistant")
        assert await page.wait(f"{entry('person')}{WORDS}") == FIRST
        await page.wait(f"{STATE} === 'answering' && {entry('agent')}.dataset.latency")
        assert (await page.value(f"{entry('agent')}{WORDS}")).startswith("It is late")
        assert await page.wait(f"{LEVEL} > 30")
        # The next command is spoken into the answer, which ends at once.
        await page.wait(f"{entry('agent')}.dataset.cut === ''")
        assert await page.wait(f"{LEVEL} === 0")
        assert await page.wait(f"{entry('person', 1)}{WORDS}") == SECOND
        assert await page.wait(f"{entry('agent', 1)}{WORDS}") == SHORT_ANSWER
        await page.wait(f"{entry('agent', 1)}.dataset.latency")
        for number in (0, 1):
            print("mouth to ear:", await page.value(f"{entry('agent', number)}.dataset.latency"))
        assert await page.value("peers[0].connectionState") == "connected"
        assert await page.value("binary") == 0
        (session,) = runtime.sessions.values()
        await page.value("document.querySelector('#end').click()")
        await session.ended.wait()
        assert page.problems() == []


async def test_a_lost_peer_connection_ends_the_session(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    pipelines = {"tone": of_one("ToneNode")}
    async with talk_port(runtime_with, pipelines, talk_webrtc=True) as (server, _, runtime):
        page = await opened(browser, server, "tone")
        await page.wait(f"{LEVEL} > 50")
        (session,) = runtime.sessions.values()
        await page.value("peers[0].close()")
        await session.ended.wait()
        await page.wait(f"{STATE} === 'ended'")
        assert "WebRTC connection" in await page.text("#problem")


# What a browser offers for one microphone, without what this server does not use.
OFFER = (
    "\r\n".join(
        (
            "v=0",
            "o=- 1 2 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=group:BUNDLE 0",
            "m=audio 9 UDP/TLS/RTP/SAVPF 111",
            "c=IN IP4 0.0.0.0",
            "a=rtcp-mux",
            "a=ice-ufrag:abcd",
            "a=ice-pwd:abcdefghijklmnopqrstuvwx",
            "a=fingerprint:sha-256 " + ":".join(["AB"] * 32),
            "a=setup:actpass",
            "a=mid:0",
            "a=sendrecv",
            "a=rtpmap:111 opus/48000/2",
            "a=candidate:1 1 udp 2122260223 secret.local 9 typ host",
            "a=candidate:2 1 udp 2122260222 203.0.113.9 9 typ host",
            "a=end-of-candidates",
        )
    )
    + "\r\n"
)
VIDEO = OFFER[OFFER.index("m=audio") :].replace("m=audio", "m=video").replace("opus", "VP8")


def offer(sdp: str = OFFER) -> str:
    """Return the message of an offer."""
    return json.dumps({"type": "offer", "sdp": sdp})


async def refusal(
    runtime_with: OpenRuntime, *messages: str | bytes, **http: Any
) -> tuple[int | None, str]:
    """Return the code and the error with which the server ends a conversation."""
    echo = {"echo": of_one("PassThrough")}
    async with (
        talk_port(runtime_with, echo, **{"talk_webrtc": True, **http}) as (server, _, _),
        talking(server) as client,
    ):
        await client.next("ready")
        for message in messages:
            await client.send(message)
        last = await client.ends()
        return client.code, last["message"]


async def test_webrtc_is_off_until_the_operator_turns_it_on(runtime_with: OpenRuntime) -> None:
    assert not RuntimeConfig().http.talk_webrtc
    code, message = await refusal(runtime_with, offer(), talk_webrtc=False)
    assert code == 1008
    assert "http.talk_webrtc" in message


@pytest.mark.parametrize(
    ("sdp", "problem"),
    [
        ("", "got nothing"),
        ("m=audio", "no session description"),
        ("x" * 40_000, "at most 32768 characters"),
        (OFFER + VIDEO, "got audio sendrecv, video sendrecv"),
        (OFFER.replace("sendrecv", "recvonly"), "got audio recvonly"),
        (OFFER.replace("a=fingerprint", "a=x"), "fingerprint"),
        (OFFER.replace("opus", "speex"), "cannot be accepted"),
        (OFFER.replace("a=ice-pwd", "a=x"), "cannot be accepted"),
    ],
)
async def test_an_offer_that_cannot_be_taken_ends_the_conversation_with_a_clear_error(
    runtime_with: OpenRuntime, sdp: str, problem: str
) -> None:
    code, message = await refusal(runtime_with, offer(sdp))
    assert code == 1008
    assert problem in message


async def test_a_second_offer_and_audio_on_the_websocket_are_refused(
    runtime_with: OpenRuntime,
) -> None:
    assert "takes one offer" in (await refusal(runtime_with, offer(), offer()))[1]
    assert "after an offer" in (await refusal(runtime_with, offer(), SILENCE))[1]


async def test_the_answer_has_one_address_of_the_configured_ports(
    runtime_with: OpenRuntime,
) -> None:
    echo = {"echo": of_one("PassThrough")}
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        settings: dict[str, Any] = {"talk_webrtc": True, "talk_webrtc_ports": f"{port}-{port}"}
        async with talk_port(runtime_with, echo, **settings) as (server, _, _):
            async with talking(server) as client:
                await client.send(offer())
                last = await client.ends()
                assert "no UDP port is free at 127.0.0.1" in last["message"]
                assert "http.talk_webrtc_ports" in last["message"]
            taken.close()
            async with talking(server) as client:
                await client.send(offer())
                answer = (await client.next("answer"))["sdp"]
    (candidate,) = re.findall("a=candidate:.*", answer)
    assert f" 127.0.0.1 {port} typ host" in candidate


async def test_an_announced_address_is_in_the_answer(runtime_with: OpenRuntime) -> None:
    echo = {"echo": of_one("PassThrough")}
    settings: dict[str, Any] = {"talk_webrtc": True, "talk_webrtc_address": "203.0.113.7"}
    async with (
        talk_port(runtime_with, echo, **settings) as (server, _, _),
        talking(server) as client,
    ):
        await client.send(offer())
        answer = (await client.next("answer"))["sdp"]
        (candidate,) = re.findall("a=candidate:.*", answer)
        assert " 203.0.113.7 " in candidate
        assert "c=IN IP4 203.0.113.7" in answer


async def test_a_page_that_does_not_connect_ends_the_session(
    runtime_with: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peer, "_CONNECT_SECONDS", 0.2)
    code, message = await refusal(runtime_with, offer())
    assert code == 1011
    assert "no WebRTC connection within 0.2 s" in message


async def test_an_interruption_silences_the_track_at_once(runtime_with: OpenRuntime) -> None:
    tone = {"tone": of_one("ToneNode")}
    async with (
        talk_port(runtime_with, tone, talk_webrtc=True) as (server, _, _),
        trio_asyncio.open_loop() as loop,
        talking(server, "tone") as client,
    ):
        page = PeerPage()
        try:
            await client.send(offer(await trio_asyncio.aio_as_trio(page.offer)(loop)))
            answer = (await client.next("answer"))["sdp"]
            await trio_asyncio.aio_as_trio(page.connect)(answer)
            assert (await client.next("voice")) == {"type": "voice", "started": False}
            assert (await client.next("voice"))["started"]
            await trio_asyncio.aio_as_trio(page.wait_heard)(is_loud=True)
            # The minute of the tone has just begun, and 20 s of it wait to be sent.
            await client.ask("interrupt")
            await client.next("interrupt")
            assert not (await client.next("voice"))["started"]
            await trio_asyncio.aio_as_trio(page.wait_heard)(is_loud=False)
        finally:
            await trio_asyncio.aio_as_trio(page.close)()
        last = await client.ends()
        assert "the WebRTC connection to the browser was lost" in last["message"]
        assert client.code == 1011


class PeerPage:
    """The WebRTC side of a page, without a browser: it sends silence."""

    async def offer(self, loop: asyncio.AbstractEventLoop) -> str:
        """Return a session description."""
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._track = AudioStreamTrack()
        self.connection.addTransceiver(self._track)
        udp.UdpPlace("127.0.0.1").restrict(self.connection, loop)
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return str(self.connection.localDescription.sdp)

    async def connect(self, answer: str) -> None:
        """Take the answer; the connection then comes about by itself."""
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))

    async def close(self) -> None:
        """Close the connection; the end of the track ends the sender."""
        self._track.stop()
        async with asyncio.timeout(10):
            await self.connection.close()

    async def wait_heard(self, *, is_loud: bool) -> None:
        """Wait for 20 ms that are loud or silent."""
        (receiver,) = self.connection.getReceivers()
        async with asyncio.timeout(10):
            while True:
                frame: Any = await receiver.track.recv()
                if (abs(frame.to_ndarray()).max() > 1000) == is_loud:
                    return


def test_the_addresses_that_a_page_names_are_ignored() -> None:
    # The server would send to them, or resolve them.
    taken = read_offer(OFFER).sdp
    assert "candidate" not in taken
    assert taken.splitlines() == [each for each in OFFER.splitlines() if "candidate" not in each]


async def test_datagrams_before_the_connection_do_not_collect() -> None:
    async with trio_asyncio.open_loop() as loop:

        async def waiting() -> int:
            connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
            transceiver = connection.addTransceiver("audio")
            udp.UdpPlace("127.0.0.1").restrict(connection, loop)
            # The private names that are in use.
            ice: Any = transceiver.receiver.transport.transport.iceGatherer._connection
            for _ in range(1000):
                ice.data_received(b"x", 1)
            size = ice._queue.qsize()
            await connection.close()
            return int(size)

        assert await trio_asyncio.aio_as_trio(waiting)() == 256


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("talk_webrtc_ports", "40000"),
        ("talk_webrtc_ports", "40001-40000"),
        ("talk_webrtc_ports", "80-90"),
        ("talk_webrtc_ports", "40000-70000"),
        ("talk_webrtc_address", "app.example"),
    ],
)
def test_ports_and_address_are_checked(key: str, value: str) -> None:
    with pytest.raises(ValidationError, match=key):
        RuntimeConfig.model_validate({"http": {key: value}})


async def test_without_the_extra_the_setting_is_an_error_that_names_it(
    runtime_with: OpenRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("runtime.talk.webrtc", "aiortc"):
        monkeypatch.setitem(sys.modules, name, None)
    async with runtime_with(config(talk_webrtc=True)) as runtime:
        with pytest.raises(ConfigError, match=r"millrace-runtime\[webrtc\]"):
            async with open_talk(runtime, environment={}):
                pass
