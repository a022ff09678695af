"""A client reaches only the files that the operator opens to it."""

from pathlib import Path

import pytest

from actors import Bundle, File, Text
from runtime import InputError, Runtime, RuntimeConfig
from runtime.config import Files
from tests.conftest import OpenRuntime

from .pipelines import chain, run_through

PIPELINE = chain("PassThrough", ["native"])


@pytest.fixture
def opened(tmp_path: Path) -> Path:
    folder = tmp_path / "opened"
    folder.mkdir()
    return folder


async def refused(runtime: Runtime, path: str) -> None:
    async with runtime.open_session(PIPELINE) as session:
        with pytest.raises(InputError, match=r"runtime\.toml, files\.roots|not valid"):
            await session.send(File(path))
        with pytest.raises(InputError):
            await session.send(Bundle({"a": Text("x"), "b": File(path)}))
        await session.send(File("", stream_id="no file, but a stream"))


async def test_without_roots_no_file_is_reached(runtime_with: OpenRuntime, opened: Path) -> None:
    async with runtime_with(RuntimeConfig()) as runtime:
        await refused(runtime, str(opened / "a.wav"))


async def test_a_file_in_a_root_is_handed_on_by_its_real_path(
    runtime_with: OpenRuntime, opened: Path
) -> None:
    (opened / "link").symlink_to(opened / "a.wav")
    async with runtime_with(RuntimeConfig(files=Files(roots=(str(opened),)))) as runtime:
        for path in (opened / "a.wav", opened / "link", opened / "b" / ".." / "a.wav"):
            (result,) = await run_through(runtime, PIPELINE, [File(str(path), size=7)])
            assert result.data == File(str(opened / "a.wav"), size=7)
            bundle = Bundle({"a": File(str(path)), "b": Text("x")})
            (result,) = await run_through(runtime, PIPELINE, [bundle])
            assert result.data == Bundle({"a": File(str(opened / "a.wav")), "b": Text("x")})


async def test_no_link_and_no_dots_lead_out_of_a_root(
    runtime_with: OpenRuntime, opened: Path
) -> None:
    secret = opened.parent / "opened-not"
    secret.mkdir()
    (opened / "file").symlink_to("/etc/passwd")
    (opened / "folder").symlink_to(secret)
    async with runtime_with(RuntimeConfig(files=Files(roots=(str(opened),)))) as runtime:
        for path in (
            "/etc/passwd",
            f"{opened}/../opened-not/x",
            f"{opened}-not/x",
            f"{opened}/file",
            f"{opened}/folder/x",
            "relative",
            f"{opened}/\0",
        ):
            await refused(runtime, path)
