"""Network streams and devices as inputs, from real servers on this machine."""

import functools
import http.server
import threading
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors import Audio, Kind, Video
from runtime import NodeError, Runtime
from runtime.media import FileKind, InterruptedReadError, MediaError, RawFormat, open_source
from tests.session.pipelines import manifest

from .films import save_film
from .rtsp_server import PACKETS, SAMPLES, rtsp_server
from .test_media_nodes import run


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        if self.path.startswith("/moved"):
            self.send_response(302)
            self.send_header("Location", "/film.mp4")
            self.end_headers()
        elif self.path.startswith("/secret") and "Authorization" not in self.headers:
            self.send_error(401)
        else:
            super().do_GET()


@pytest.fixture(scope="module")
def films(tmp_path_factory) -> Iterator[str]:
    """Serve a folder with a film over HTTP; return the URL of the folder."""
    folder = tmp_path_factory.mktemp("served")
    save_film(folder / "film.mp4", 10, 25)
    segment = "file:///etc/hostname"
    (folder / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{segment}\n#EXT-X-ENDLIST\n"
    )
    handler = functools.partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def read(address: str, **how: Any) -> list[Any]:
    source = open_source(address, **how)
    try:
        source.check()
        return list(source)
    finally:
        source.close()


def test_a_film_is_read_over_http(films):
    pictures = read(f"{films}/film.mp4", kind=FileKind.VIDEO)
    assert [picture.timestamp_us for picture in pictures] == [40_000 * n for n in range(10)]
    sounds = read(f"{films}/film.mp4?token=x", accepts=frozenset({Kind.AUDIO}))
    assert sum(sound.duration_seconds for sound in sounds) == pytest.approx(0.4, abs=0.05)
    assert open_source(f"{films}/film.mp4", accepts=frozenset({Kind.VIDEO})).gives is Kind.VIDEO


async def test_a_pipeline_reads_http_and_follows_no_redirect(films: str, runtime: Runtime) -> None:
    def plan(name: str) -> object:
        return manifest(
            {"camera": ("MediaSourceNode", {"source": f"{films}/{name}", "streams": "both"})},
            places={"camera": "native"},
        )

    results = await run(runtime, plan("film.mp4"))
    assert {type(result.data) for result in results} == {Video, Audio}
    with pytest.raises(NodeError, match="moved: cannot be opened"):
        await run(runtime, plan("moved"))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/none.mp4?token=secret", "none.mp4: cannot be opened: .*404 Not Found"),
        ("/secret.mp4", "give user and password in the URL"),
        ("/list.m3u8", "list.m3u8: "),
    ],
)
def test_what_a_server_does_not_give_is_an_error_that_keeps_secrets(films, path, message):
    with pytest.raises(MediaError, match=message) as caught:
        read(films + path, kind=FileKind.AUDIO)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("rtsp://127.0.0.1:1/live", "cannot be opened: .*nothing listens there"),
        ("http://", "the URL has no host"),
        ("http://a b/", "characters that a URL must escape"),
        ("https://[::1/x", "the URL cannot be read"),
        ("/dev/video987", "/dev/video987: cannot be opened: .*there is no such device"),
    ],
)
def test_an_address_that_cannot_be_opened_is_an_error_with_what_to_do(address, message):
    with pytest.raises(MediaError, match=message):
        read(address)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"kind": FileKind.LINES}, "only audio and video are read from there, not lines"),
        ({"raw": RawFormat("s16le", 16000)}, "--input-format is for files and pipes"),
    ],
)
def test_text_and_raw_audio_are_not_read_from_an_address(how, message):
    with pytest.raises(MediaError, match=message):
        open_source("http://127.0.0.1/a", **how)


def test_rtsp_is_read_over_tcp():
    with rtsp_server() as url:
        sounds = read(url, kind=FileKind.AUDIO)
    assert {sound.sample_rate for sound in sounds} == {8000}
    assert sum(sound.frames for sound in sounds) == PACKETS * SAMPLES


async def test_a_pipeline_reads_rtsp(runtime: Runtime) -> None:
    with rtsp_server() as url:
        camera = ("MediaSourceNode", {"source": url, "streams": "audio", "chunk_ms": 20})
        results = await run(runtime, manifest({"camera": camera}, places={"camera": "native"}))
    assert [result.timestamp_ms for result in results] == [20 * n for n in range(PACKETS)]


def test_an_interrupt_ends_the_reading_of_a_stream(films):
    source = open_source(f"{films}/film.mp4", kind=FileKind.VIDEO)
    items = iter(source)
    next(items)
    source.interrupt()
    with pytest.raises(InterruptedReadError):
        list(items)
    source.close()


@pytest.mark.parametrize(
    "content",
    [
        "ffconcat version 1.0\nfile 'other.wav'\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 45678 RTP/AVP 0\n",
    ],
    ids=["concat", "sdp"],
)
def test_an_input_file_that_names_others_opens_none_of_them(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    with wave.open("other.wav", "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    assert read("other.wav")
    Path("list.aac").write_text(content)
    with pytest.raises(MediaError, match=r"list\.aac: cannot be read as sound or pictures"):
        read("list.aac")
