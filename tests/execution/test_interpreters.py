"""Another interpreter is looked at before anything is started with it."""

import sys
from pathlib import Path

import pytest

from actors import Text
from runtime import ConfigError, ManifestError, RuntimeConfig
from runtime.config import Multiprocess
from tests.conftest import OpenRuntime
from tests.session.pipelines import chain, run_through


def script(path: Path, text: str, mode: int = 0o755) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    ("text", "mode", "fault"),
    [
        (None, 0, "there is no such file: No such file or directory"),
        ("", 0o644, "it cannot be run: Permission denied"),
        ("echo boo; exit 3", 0o755, "it is no Python that works: exit status 3, boo"),
        ("echo 'it is Python 3.9; nodes need 3.11 or later'", 0o755, "it is Python 3.9; nodes"),
        (
            "echo \"it cannot run nodes: No module named 'runtime'; install\"",
            0o755,
            "it cannot run nodes: No module named 'runtime'; install",
        ),
    ],
)
async def test_an_unfit_interpreter_is_an_error_before_anything_starts(
    runtime_with: OpenRuntime, tmp_path: Path, text: str | None, mode: int, fault: str
) -> None:
    path = str(tmp_path / "python") if text is None else script(tmp_path / "python", text, mode)
    operator = Multiprocess(python_executable=path)
    async with runtime_with(RuntimeConfig(multiprocess=operator)) as runtime:
        with pytest.raises(
            ConfigError, match=r"runtime\.toml: multiprocess\.python_exec"
        ) as caught:
            await run_through(runtime, chain("PassThrough", ["multiprocess"]), [])
        assert fault in str(caught.value)
        # A pipeline without processes does not need it.
        assert await run_through(runtime, chain("PassThrough", ["native"]), []) == []
    allowing = Multiprocess(allowed_python_executables=(path,))
    async with runtime_with(RuntimeConfig(multiprocess=allowing)) as runtime:
        pipeline = chain("PassThrough", ["multiprocess"], python_executable=path)
        with pytest.raises(ManifestError, match=r"metadata\.multiprocess\.python_exec") as told:
            await run_through(runtime, pipeline, [])
        assert fault in str(told.value)


async def test_an_interpreter_without_the_package_is_told_what_to_install(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    path = script(tmp_path / "python", f'cd / && exec "{sys.executable}" -S "$@"')
    config = RuntimeConfig(multiprocess=Multiprocess(python_executable=path))
    async with runtime_with(config) as runtime:
        with pytest.raises(ConfigError, match="No module named .*; install millrace-runtime"):
            await run_through(runtime, chain("PassThrough", ["multiprocess"]), [])


async def test_an_interpreter_is_asked_again_only_when_it_has_changed(
    runtime_with: OpenRuntime, tmp_path: Path
) -> None:
    asked = tmp_path / "asked"
    path = script(tmp_path / "python", f"echo x >> {asked}; exit 1")
    config = RuntimeConfig(multiprocess=Multiprocess(python_executable=path))
    pipeline = chain("PassThrough", ["multiprocess"])
    async with runtime_with(config) as runtime:
        for _ in range(3):
            with pytest.raises(ConfigError):
                await run_through(runtime, pipeline, [Text("x")])
        assert asked.read_text() == "x\n"
        script(tmp_path / "python", f"echo again >> {asked}; exit 1")
        with pytest.raises(ConfigError):
            await run_through(runtime, pipeline, [Text("x")])
    assert asked.read_text() == "x\nagain\n"
