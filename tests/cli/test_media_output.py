"""Films and network streams at the command line."""

import subprocess
from pathlib import Path

import pytest

from tests.media.films import film_of, save_film

from .commands import finish, millrace, start, write_manifest

NODES: tuple[dict[str, object], ...] = (
    {"id": "flip", "node_type": "VideoFlip"},
    {"id": "level", "node_type": "FastResampleNode", "params": {"targetRate": 16000}},
)
INPUTS = ("-i", "flip=a.mp4", "-i", "level=a.mp4")


def test_video_and_audio_of_a_pipeline_become_one_film_of_their_rates(tmp_path: Path) -> None:
    before = film_of(save_film(tmp_path / "a.mp4"))
    manifest = write_manifest(tmp_path, *NODES, chain=False)
    done = millrace("run", manifest, *INPUTS, "-o", "b.mp4", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    after = film_of(tmp_path / "b.mp4")
    assert after.rate == before.rate
    assert len(after.frames) == len(before.frames)
    assert after.seconds == pytest.approx(before.seconds, abs=0.05)
    assert after.frames[0][40, 4, 0] > 200, "the square is upside down"


def test_films_go_to_stdout_as_matroska_where_there_is_nothing_else(tmp_path: Path) -> None:
    save_film(tmp_path / "a.mp4")
    manifest = write_manifest(tmp_path, *NODES, chain=False)
    target = tmp_path / "stdout.mkv"
    with target.open("wb") as file:
        process = start("run", manifest, *INPUTS, "-o", "-", folder=tmp_path, stdout=file.fileno())
        done = finish(process)
    assert done.returncode == 0, done.stderr
    film = film_of(target)
    assert film.container.startswith("matroska")
    assert film.codecs == {"video": "h264", "audio": "opus"}
    assert len(film.frames) == 30


def test_sound_files_for_video_and_odd_sizes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path, NODES[0])
    save_film(tmp_path / "a.mp4", 2)
    done = millrace("run", manifest, "-i", "a.mp4", "-o", "b.mp3", folder=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "--output b.mp3: takes audio, and the results are: 'flip' video" in done.stderr
    assert not (tmp_path / "b.mp3").exists()


def test_a_pipeline_of_sources_and_a_film_needs_no_input(tmp_path: Path) -> None:
    save_film(tmp_path / "a.mp4")
    manifest = write_manifest(
        tmp_path,
        {"id": "camera", "node_type": "MediaSourceNode", "params": {"source": "a.mp4"}},
        {"id": "film", "node_type": "MediaSinkNode", "params": {"path": "b.webm"}},
    )
    process = start("run", manifest, folder=tmp_path, stdout=subprocess.PIPE)
    done = finish(process)
    assert done.returncode == 0, done.stderr
    assert '"kind": "file", "payload": {"path": "b.webm"' in done.stdout
    assert len(film_of(tmp_path / "b.webm").frames) == 30
