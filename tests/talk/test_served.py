"""The page of `millrace serve`."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import trio

from tests.cli.commands import finish, start, write_manifest
from tests.talk.client import SILENCE, RefusedError, talking

SETTINGS = """
[server]
bind_address = "127.0.0.1:0"
auth_tokens_file = "tokens"
admin_tokens_file = "admin-tokens"
drain_timeout_secs = 60
[http]
enabled = true
talk = true
bind_address = "127.0.0.1:0"
[pipelines]
assistant = "pipeline.json"
"""
TALK = re.compile(rb"talk on http://127.0.0.1:(\d+)/talk/")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with settings, tokens and a pipeline."""
    (tmp_path / "runtime.toml").write_text(SETTINGS)
    (tmp_path / "tokens").write_text("alice: of-alice\n")
    (tmp_path / "admin-tokens").write_text("of-the-operator\n")
    write_manifest(tmp_path, {"id": "echo", "node_type": "PassThrough"})
    return tmp_path


@pytest.fixture
def served(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server with the page."""
    process = start("serve", folder=folder)
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def port_of(process: "subprocess.Popen[bytes]") -> int:
    """Return the port of the page, when the server is up."""
    assert process.stderr is not None
    port = 0
    for line in process.stderr:
        if found := TALK.search(line):
            port = int(found[1])
        elif b"listening on" in line:
            return port
    raise AssertionError("the server ended")


async def test_a_conversation_may_end_before_the_server_does(
    served: "subprocess.Popen[bytes]",
) -> None:
    port = await trio.to_thread.run_sync(port_of, served)
    server: Any = SimpleNamespace(address=SimpleNamespace(port=port))
    host = f"127.0.0.1:{port}"
    with pytest.raises(RefusedError):
        async with talking(server, "assistant", host=host):
            pass
    for token in ("of-the-operator", "of-alice"):
        async with talking(server, "assistant", host=host, token=token) as client:
            await client.next("ready")
            await client.send(SILENCE)
            assert isinstance(await client.receive(), bytes)
            if token == "of-alice":
                served.send_signal(signal.SIGTERM)
                await refuses(server, host, token)
                # What runs goes on until its own end.
                await client.send(SILENCE)
                assert isinstance(await client.receive(), bytes)
                await client.ask("end")
                assert (await client.ends())["type"] == "closed"
    done = await trio.to_thread.run_sync(finish, served)
    assert done.returncode == 0, done.stderr


async def refuses(server: Any, host: str, token: str) -> None:
    """Wait until the server takes no new conversation."""
    message: Any = {"type": "ready"}
    while message["type"] == "ready":
        async with talking(server, "assistant", host=host, token=token) as late:
            message = await late.receive()
            while message["type"] not in ("ready", "error"):
                message = await late.receive()
    assert "shutting down" in message["message"]


def test_a_pipeline_that_is_missing_is_reported_at_the_start(folder: Path) -> None:
    (folder / "pipeline.json").unlink()
    done = finish(start("serve", folder=folder))
    assert done.returncode == 2
    assert "pipelines.assistant" in done.stderr
    assert "pipeline.json" in done.stderr
