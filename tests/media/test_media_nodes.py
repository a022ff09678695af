"""Pipelines that read and write media by themselves."""

import json
import os
from fractions import Fraction
from pathlib import Path

import pytest
import trio

from actors import Audio, File, Video
from runtime import ManifestError, NodeError, Result, Runtime, RuntimeConfig
from runtime.config import Files, Media
from tests.conftest import OpenRuntime
from tests.session.pipelines import manifest

from .films import NTSC, film_of, frames, save_film

TRACKER = Path(__file__).parents[2] / "examples/tracker/blob_tracker.py"
NATIVE = "native"


def pipeline(source: object, path: object, **params: object) -> object:
    return manifest(
        {
            "camera": ("MediaSourceNode", {"source": str(source), "streams": "both"}),
            "sound": ("PassThrough", {}),
            "film": ("MediaSinkNode", {"path": str(path), **params}),
        },
        ["camera > sound", "sound > film"],
        places=dict.fromkeys(("camera", "film"), NATIVE),
    )


async def run(runtime: Runtime, plan: object) -> list[Result]:
    with trio.fail_after(60):
        async with runtime.open_session(plan) as session:  # type: ignore[arg-type]
            return [result async for result in session]


async def test_a_session_of_a_file_a_tracker_in_a_child_and_a_film_needs_no_client(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    source, target = save_film(tmp_path / "source.mp4"), tmp_path / "tracked.mp4"
    config = RuntimeConfig(nodes={"BlobTrackerNode": f"{TRACKER}:BlobTrackerNode"})
    plan = manifest(
        {
            "camera": ("MediaSourceNode", {"source": str(source)}),
            "microphone": ("MediaSourceNode", {"source": str(source), "streams": "audio"}),
            "tracker": ("BlobTrackerNode", {"smoothing": 0.0}),
            "film": ("MediaSinkNode", {"path": str(target)}),
            "watcher": ("PassThrough", {}),
        },
        ["camera > tracker", "tracker > film", "microphone > film", "tracker > watcher"],
        places={"tracker": "multiprocess", "microphone": NATIVE},
    )
    async with runtime_with(config) as runtime:
        results = await run(runtime, plan)
    film, before = film_of(target), film_of(source)
    assert film.rate == before.rate == NTSC
    assert len(film.frames) == len(before.frames) == 30
    assert film.seconds == pytest.approx(before.seconds, abs=0.03)
    assert film.starts["video"] == pytest.approx(film.starts["audio"], abs=0.03)
    tracked = [result for result in results if isinstance(result.data, Video)]
    blobs = [json.loads(result.data.metadata["blob"]) for result in tracked]
    assert [blob["x"] for blob in blobs] == pytest.approx([7.5 + n for n in range(30)], abs=1)
    assert [result.timestamp_ms for result in tracked] == [
        round(number * 1001 / 30) for number in range(30)
    ]
    (file,) = (result.data for result in results if isinstance(result.data, File))
    assert (file.path, file.size) == (str(target), target.stat().st_size)
    box = film.frames[10][20:36, 8:28]
    assert (box.min(axis=2) > 150).any(), "the box around the object is white"


async def test_the_items_of_a_film_come_in_the_order_of_their_times(
    runtime: Runtime, tmp_path: Path
) -> None:
    source = save_film(tmp_path / "source.mkv", 10, 25)
    camera = ("MediaSourceNode", {"source": str(source), "streams": "both", "chunk_ms": 100})
    results = await run(runtime, manifest({"camera": camera}, places={"camera": NATIVE}))
    assert [result.timestamp_ms for result in results if isinstance(result.data, Video)] == [
        number * 40 for number in range(10)
    ]
    sounds = [result for result in results if isinstance(result.data, Audio)]
    starts = [result.timestamp_ms for result in sounds]
    assert starts == pytest.approx([0, 100, 200, 300, 400][: len(starts)], abs=8)
    assert len(starts) >= 4


async def test_realtime_is_the_speed_of_the_film(runtime: Runtime, tmp_path: Path) -> None:
    source = save_film(tmp_path / "a.mkv", 10, 25)
    camera = ("MediaSourceNode", {"source": str(source), "realtime": True})
    began = trio.current_time()
    results = await run(runtime, manifest({"camera": camera}, places={"camera": NATIVE}))
    assert len(results) == 10
    assert trio.current_time() - began >= 9 / 25


@pytest.mark.parametrize(
    ("path", "params", "message"),
    [
        ("old.mp4", {}, "old.mp4: exists; give another name, or set overwrite"),
        ("film.txt", {}, "is no media file by its suffix; use one of .aac, "),
        ("frame-%d.png", {}, "is no media file by its suffix"),
        ("missing/film.mp4", {}, "film.mp4: cannot be created: No such file or directory"),
        ("film.mp4", {"max_bytes": 100}, "has more than max_bytes = 100 bytes"),
        ("film.mp3", {}, "film.mp3 takes audio only, and sound gives video"),
    ],
)
async def test_a_film_that_cannot_be_written_fails_the_session_and_says_why(
    runtime: Runtime, tmp_path: Path, path: str, params: dict[str, object], message: str
) -> None:
    old = tmp_path / "old.mp4"
    old.write_text("precious")
    source = save_film(tmp_path / "source.mkv", 300, 25)
    with pytest.raises(NodeError, match=message) as caught:
        await run(runtime, pipeline(source, tmp_path / path, **params))
    assert "film" in str(caught.value)
    assert old.read_text() == "precious"
    assert not (tmp_path / "film.mp4").exists()


async def test_an_odd_size_is_refused_with_what_to_do(runtime: Runtime, tmp_path: Path) -> None:
    plan = manifest({"film": ("MediaSinkNode", {"path": str(tmp_path / "film.mp4")})})
    with pytest.raises(NodeError, match="put a VideoScaler before"):
        async with runtime.open_session(plan) as session:
            for frame in frames(3, size=(95, 63)):
                await session.send(frame)
            await session.close_input()
            async for _ in session:
                pass


async def test_a_session_that_ends_early_leaves_a_playable_file_marked_incomplete(
    runtime: Runtime, tmp_path: Path
) -> None:
    path = tmp_path / "film.mkv"
    plan = manifest(
        {"film": ("MediaSinkNode", {"path": str(path)}), "eye": ("PassThrough", {})},
        places={"film": NATIVE},
        channel_capacity=1,  # so that most frames are written when the last one is sent
    )
    with trio.fail_after(60):
        async with runtime.open_session(plan) as session:
            for frame in frames(40):
                await session.send(frame, node="film")
            await session.send(next(frames(1)), node="eye")
            await session.receive()
    (left,) = os.listdir(tmp_path)
    assert left.startswith("film.mkv.")
    assert left.endswith(".incomplete")
    assert len(film_of(tmp_path / left).frames) > 0


async def test_an_existing_film_is_replaced_only_if_that_is_asked_for(
    runtime: Runtime, tmp_path: Path
) -> None:
    source, target = save_film(tmp_path / "a.mkv", 10, 25), tmp_path / "b.mkv"
    target.write_text("old")
    await run(runtime, pipeline(source, target, overwrite=True))
    assert film_of(target).rate == Fraction(25)
    assert sorted(os.listdir(tmp_path)) == ["a.mkv", "b.mkv"]


async def test_a_missing_source_fails_the_session_before_it_is_ready(runtime: Runtime) -> None:
    plan = manifest({"camera": ("MediaSourceNode", {"source": "/nowhere.mp4"})})
    with pytest.raises(NodeError, match=r"/nowhere.mp4: cannot be read: No such file"):
        await run(runtime, plan)


HOSTILE = [
    "/etc/passwd",
    "film.mp4",
    "../film.mp4",
    "{allowed}/../film.mp4",
    "{allowed}more/film.mp4",
    "file:///etc/passwd",
    "concat:/etc/passwd",
    "pipe:0",
    "rtsp://camera.local.evil.org/live",
    "rtsp://camera.local@evil.org/live",
    "rtsp://evil.org/?rtsp://camera.local/live",
    "rtsp://camera.local:8554/live",
    "rtsp://camera.local\\@evil.org/live/a",
    "rtsp://evil.org#@camera.local/live",
    "rtsp://camera.local/live/../admin",
    "rtsp://camera.local/live/%2e%2e/admin",
    "rtsp://camera.local/lively",
    "rtsp://camera.local",
    "http://camera.local/live",
    "RTSP://camera.local/other",
    "rtsp://camera.local:99999/live",
    "/dev/video1",
    "alsa:file:/tmp/x",
    "",
]


def media_config(allowed: Path) -> RuntimeConfig:
    allowed.mkdir()
    return RuntimeConfig(
        files=Files(roots=(str(allowed),)),
        media=Media(
            urls=("rtsp://camera.local/live", "https://films.example:8443/"),
            devices=("/dev/video0", "alsa:hw:0"),
            output_folders=(str(allowed),),
            max_output_bytes=2 * 1024**3,
        ),
    )


async def test_a_client_reads_only_what_the_operator_allows(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    allowed = tmp_path / "allowed"

    def plan(runtime: Runtime, source: str) -> object:
        pipeline = manifest({"camera": ("MediaSourceNode", {"source": source})})
        return runtime.plan(pipeline, of_client=True)

    async with runtime_with(media_config(allowed)) as runtime:
        for source in HOSTILE:
            with pytest.raises(ManifestError, match="param source"):
                plan(runtime, source.format(allowed=allowed))
        for source in (
            f"{allowed}/film.mp4",
            "rtsp://camera.local/live",
            "rtsp://camera.local:554/live/1?profile=2",
            "rtsp://viewer:secret@camera.local/live",
            "https://films.example:8443/a/b.mp4",
            "/dev/video0",
            "alsa:hw:0",
        ):
            assert plan(runtime, source)
    async with runtime_with(RuntimeConfig()) as runtime:
        for source in (f"{allowed}/film.mp4", "rtsp://camera.local/live", "/dev/video0"):
            with pytest.raises(ManifestError, match=r"media\.urls"):
                plan(runtime, source)


async def test_a_client_creates_files_only_in_folders_for_them(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    allowed = tmp_path / "allowed"

    def plan(runtime: Runtime, path: object, **params: object) -> object:
        pipeline = manifest({"film": ("MediaSinkNode", {"path": str(path), **params})})
        return runtime.plan(pipeline, of_client=True)

    async with runtime_with(media_config(allowed)) as runtime:
        (allowed / "link").symlink_to(tmp_path)
        for path in (
            tmp_path / "film.mp4",
            f"{allowed}/../film.mp4",
            allowed / "link" / "film.mp4",
            "film.mp4",
        ):
            with pytest.raises(ManifestError, match=r"param path: .*media\.output_folders"):
                plan(runtime, path)
        assert plan(runtime, allowed / "film.mp4")
        with pytest.raises(ManifestError, match=r"max_bytes: got .*media\.max_output_bytes"):
            plan(runtime, allowed / "film.mp4", max_bytes=4 * 1024**3)
    async with runtime_with(RuntimeConfig(files=Files(roots=(str(allowed),)))) as runtime:
        with pytest.raises(ManifestError, match="param path"):
            plan(runtime, allowed / "film.mp4")
