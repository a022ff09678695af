"""Other users of the machine can neither guess, take nor read what a session has in /dev/shm."""

import logging
import os
import stat
import tempfile
from pathlib import Path

import pytest

from actors import Text
from runtime import Runtime
from runtime.session.instance import Instance, open_instance
from tests.conftest import SEGMENTS

from .pipelines import chain

PIPELINE = chain("PassThrough", ["multiprocess"])


def files() -> dict[str, os.stat_result]:
    """Return what sessions of this process have in /dev/shm."""
    found = [*SEGMENTS.glob(f"mr{os.getpid():x}-*"), *SEGMENTS.glob(f"mr{os.getpid():x}-*/**/*")]
    return {str(path.relative_to(SEGMENTS)): path.lstat() for path in found}


async def test_only_the_user_can_open_the_files_of_a_session(runtime: Runtime) -> None:
    async with runtime.open_session(PIPELINE) as session:
        await session.wait_ready()
        await session.send(Text("x"))
        assert (await session.receive()).data == Text("x")
        found = files()
        assert len(found) > 10
        for name, figures in found.items():
            # Files in the folders, which are the user's, are not for others by the folders' modes.
            if "/" not in name:
                assert not figures.st_mode & (stat.S_IRWXG | stat.S_IRWXO), name
            assert figures.st_uid == os.getuid(), name


async def test_the_names_of_one_session_do_not_tell_those_of_the_next(runtime: Runtime) -> None:
    secrets = []
    for _ in range(2):
        async with runtime.open_session(PIPELINE):
            (folder,) = SEGMENTS.glob(f"mr{os.getpid():x}-*_files")
            secrets.append(folder.name.split("_")[2])
    first, second = secrets
    assert len(first) == len(second) == 16
    assert first != second


def test_a_folder_that_exists_is_not_used_for_a_session(tmp_path: Path) -> None:
    with open_instance() as instance:
        domain = instance.domain(1, 2**20)
        Path(domain.root).symlink_to(tmp_path)
        try:
            with pytest.raises(FileExistsError):
                domain.create()
            with pytest.raises(PermissionError, match="is not a folder of this user's"):
                domain.check_owner()
        finally:
            Path(domain.root).unlink()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for temporary files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("taken_by", ["a file", "a link", "a folder for all", "another user"])
def test_a_start_does_not_depend_on_a_name_that_anybody_can_take(
    temporary: Path, taken_by: str, caplog: pytest.LogCaptureFixture
) -> None:
    taken = temporary / f"millrace-{os.getuid()}"
    match taken_by:
        case "a file":
            taken.touch()
        case "a link":
            taken.symlink_to(temporary)
        case "a folder for all":
            taken.mkdir()
            taken.chmod(0o777)
        case "another user":
            if os.getuid():
                pytest.skip("only root can make a folder of another user")
            taken.mkdir()
            os.chown(taken, 65534, 65534)
    with caplog.at_level(logging.WARNING), open_instance() as instance:
        assert instance.root.parent != taken
        assert instance.root.parent.stat().st_mode & 0o777 == 0o700
    assert f"{taken} is not a folder of this user's alone" in caplog.text
    killed(instance)
    with open_instance() as next_one:
        assert next_one.swept.instances == 1
        assert next_one.root.parent == instance.root.parent
    taken.rename(temporary / "elsewhere")
    killed(instance)
    with open_instance() as last:
        assert last.swept.instances == 1
        assert last.root.parent == taken


def killed(instance: Instance) -> None:
    """Leave what a killed server leaves."""
    instance.root.mkdir()
    (instance.root / "lock").touch()
