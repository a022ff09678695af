"""Films that results are written to: what a player finds in them, and what cannot be written."""

import logging
import os
import threading
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from actors import Audio, Kind, PixelFormat, Video, VideoCodec
from runtime.media import FileKind, MediaError, ReaderGoneError, open_sink, open_source

from .films import HEIGHT, NTSC, WIDTH, film_of, frames, save_film, tone

CODECS = {
    ".mp4": ("h264", "aac"),
    ".mov": ("h264", "aac"),
    ".mkv": ("h264", "opus"),
    ".webm": ("vp9", "opus"),
    ".ts": ("h264", "aac"),
}


def write(path: Path, *items: Audio | Video, **how: object) -> None:
    sink = open_sink(str(path), **how)  # type: ignore[arg-type]
    try:
        for item in items:
            sink.write(item, node_id=item.kind.value, sequence=0)
    finally:
        sink.close()


@pytest.mark.parametrize("suffix", CODECS)
def test_video_and_audio_go_into_one_film_in_sync(tmp_path, suffix):
    path = tmp_path / f"film{suffix}"
    write(path, *frames(30, NTSC), tone(1.001, channels=2))
    film = film_of(path)
    assert (film.codecs["video"], film.codecs["audio"]) == CODECS[suffix]
    assert film.rate == NTSC
    assert len(film.frames) == 30
    assert film.seconds["video"] == pytest.approx(1.001, abs=0.005)
    assert film.seconds["audio"] == pytest.approx(1.001, abs=0.05)
    assert film.starts["video"] == pytest.approx(film.starts["audio"], abs=0.03)


@pytest.mark.parametrize("rate", [Fraction(24_000, 1001), 25, 10, 60, Fraction(1, 2)])
def test_the_frame_rate_is_that_of_the_times_of_the_frames(tmp_path, rate):
    path = tmp_path / "film.mp4"
    write(path, *frames(12, rate), expects=frozenset({Kind.VIDEO}))
    assert film_of(path).rate == rate


def test_an_uneven_start_of_a_camera_does_not_decide_about_the_rate(tmp_path):
    picture = next(frames(1)).pixels
    times = [0, 47_000, *range(80_000, 1_000_000, 40_000)]
    write(tmp_path / "film.mkv", *(Video(picture, WIDTH, HEIGHT, timestamp_us=t) for t in times))
    assert film_of(tmp_path / "film.mkv").rate == 25


def test_red_stays_red(tmp_path):
    write(tmp_path / "film.mp4", *frames(3))
    picture = film_of(tmp_path / "film.mp4").frames[0]
    inside = picture[24:32, 4:12].reshape(-1, 3).mean(axis=0)
    assert inside == pytest.approx([255, 0, 0], abs=12)


def test_what_begins_later_plays_later(tmp_path):
    path = tmp_path / "film.mkv"
    write(path, *frames(10, start=0.5), tone(1))
    film = film_of(path)
    assert film.starts["video"] - film.starts["audio"] == pytest.approx(0.5, abs=0.03)


def test_sound_that_begins_late_is_read_with_silence_before_it(tmp_path):
    source = open_source(str(save_film(tmp_path / "a.mkv", 25, 25, sound_at_ms=500)))
    samples = np.concatenate([chunk.as_mono() for chunk in source if isinstance(chunk, Audio)])
    source.close()
    assert len(samples) / 48_000 == pytest.approx(1.5, abs=0.05)
    loud = np.flatnonzero(np.abs(samples) > 0.1)[0]
    assert loud / 48_000 == pytest.approx(0.5, abs=0.03)


def test_a_film_of_video_alone_starts_at_once(tmp_path):
    path = tmp_path / "film.mp4"
    write(path, *frames(10, start=7))
    assert film_of(path).starts["video"] == 0


def test_frames_at_uneven_times_keep_them(tmp_path):
    path = tmp_path / "film.mkv"
    picture = next(frames(1)).pixels
    times = [0, 40, 80, 500, 540]
    write(path, *(Video(picture, WIDTH, HEIGHT, timestamp_us=time * 1000) for time in times))
    assert film_of(path).seconds["video"] == pytest.approx(0.54, abs=0.05)


def test_frames_without_times_play_at_25_per_second_and_that_is_a_warning(tmp_path, caplog):
    picture = next(frames(1)).pixels
    with caplog.at_level(logging.WARNING, "millrace.media"):
        write(tmp_path / "film.mp4", *[Video(picture, WIDTH, HEIGHT)] * 10)
    assert film_of(tmp_path / "film.mp4").rate == 25
    assert "the video frames have no times" in caplog.text


def test_times_that_jump_back_cost_no_frame(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, "millrace.media"):
        write(tmp_path / "film.mp4", *frames(5, start=100), *frames(5))
    film = film_of(tmp_path / "film.mp4")
    assert len(film.frames) == 10
    assert film.seconds["video"] == pytest.approx(0.4, abs=0.01)
    assert "the times of the video jump at frame 0" in caplog.text


def test_silence_fills_a_gap_between_the_times_of_chunks(tmp_path):
    sink = open_sink(str(tmp_path / "sound.mkv"), expects=frozenset({Kind.AUDIO}))
    for start in (1000, 3000):
        sink.write(tone(1), node_id="a", sequence=0, timestamp_ms=start)
    sink.close()
    assert film_of(tmp_path / "sound.mkv").seconds["audio"] == pytest.approx(3, abs=0.05)


@pytest.mark.parametrize(
    "pixel_format", [PixelFormat.RGBA32, PixelFormat.GRAY8, PixelFormat.YUV420P, PixelFormat.NV12]
)
def test_every_raw_pixel_format_is_written(tmp_path, pixel_format):
    size = {PixelFormat.RGBA32: 4, PixelFormat.GRAY8: 1}.get(pixel_format, 1.5)
    pixels = np.full(int(WIDTH * HEIGHT * size), 128, np.uint8)
    items = [Video(pixels, WIDTH, HEIGHT, pixel_format, timestamp_us=t) for t in (0, 40_000)]
    write(tmp_path / "film.mp4", *items)
    assert len(film_of(tmp_path / "film.mp4").frames) == 2


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (list(frames(2, size=(95, 64))), "even width and height.*VideoScaler.* 96 x 64 of them"),
        ([*frames(2), *frames(1, size=(32, 64))], "changed from 96 x 64 to 32 x 64 pixels"),
        ([Video(np.zeros(0, np.uint8), 0, 0)] * 2, "0 x 0 pixels is no picture"),
        (
            [Video(np.zeros(9, np.uint8), 96, 64, PixelFormat.ENCODED, codec=VideoCodec.H264)] * 2,
            "a ENCODED frame has no packed image",
        ),
    ],
    ids=["odd", "changed", "empty", "encoded"],
)
def test_what_cannot_be_encoded_is_refused_and_leaves_no_file_of_that_name(
    tmp_path, items, message
):
    path = tmp_path / "film.mp4"
    with pytest.raises(MediaError, match=message):
        write(path, *items)
    assert os.listdir(tmp_path) == ["film.mp4.incomplete"]


def test_the_video_of_two_nodes_is_refused(tmp_path):
    sink = open_sink(str(tmp_path / "film.mp4"))
    first, second = frames(2)
    sink.write(first, node_id="a", sequence=0)
    with pytest.raises(MediaError, match="takes the video of one node, and got it from 'a' and"):
        sink.write(second, node_id="b", sequence=0)
    sink.close()


def test_a_disk_that_is_full_leaves_no_film_that_looks_complete():
    sink = open_sink("film.mp4", file=full_device())
    with pytest.raises(MediaError, match="No space left on device"):
        try:
            for frame in frames(40):
                sink.write(frame, node_id="a", sequence=0)
        finally:
            sink.close()


def full_device():
    from runtime.media.byte_output import ByteOutput

    return ByteOutput(os.open("/dev/full", os.O_WRONLY), "film.mp4")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_film_goes_into_a_pipe_too(tmp_path, suffix):
    pipe, copy = tmp_path / f"pipe{suffix}", tmp_path / f"copy{suffix}"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: copy.write_bytes(pipe.read_bytes()))
    reader.start()
    write(pipe, *frames(10), tone(0.4))
    reader.join()
    film = film_of(copy)
    assert len(film.frames) == 10
    assert film.seconds["audio"] == pytest.approx(0.4, abs=0.05)


def test_a_reader_that_leaves_ends_the_writing_of_a_film():
    reading, writing = os.pipe()
    sink = open_sink("-", kind=FileKind.VIDEO, stdout=writing, expects=frozenset({Kind.VIDEO}))
    os.close(writing)
    os.close(reading)
    with pytest.raises(ReaderGoneError):
        for frame in frames(60):
            sink.write(frame, node_id="a", sequence=0)
    sink.close()
