"""The console of `millrace serve`, with a gRPC client and a browser."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.browser.chromium import Browser
from tests.cli.commands import finish, start
from tests.console.serving import sign_in
from tests.service.grpcio_client import connected
from tests.service.messages import pipeline

SETTINGS = """
[server]
bind_address = "127.0.0.1:0"
[http]
enabled = true
bind_address = "127.0.0.1:0"
tokens_file = "tokens"
console = true
[recording]
folder = "recordings"
"""
CONSOLE = re.compile(rb"console on http://([^/]+)/console/")
GRPC = re.compile(rb"listening on (\S+);")


@pytest.fixture
def served(tmp_path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A server with a console, that records."""
    (tmp_path / "runtime.toml").write_text(SETTINGS)
    (tmp_path / "tokens").write_text("operator\n")
    (tmp_path / "recordings").mkdir()
    process = start("serve", folder=tmp_path)
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def addresses(process: "subprocess.Popen[bytes]") -> tuple[str, str]:
    """Return the addresses of the console and of gRPC, when the server is up."""
    assert process.stderr is not None
    console = ""
    for line in process.stderr:
        if found := CONSOLE.search(line):
            console = found[1].decode()
        elif found := GRPC.search(line):
            return console, found[1].decode()
    raise AssertionError("the server ended")


async def test_a_served_session_is_on_the_page_and_its_recording_can_be_loaded(
    served: "subprocess.Popen[bytes]", browser: Browser
) -> None:
    console, grpc = await trio.to_thread.run_sync(addresses, served)
    page = await browser.new_page()
    await sign_in(page, console, "operator")
    await page.wait("document.querySelector('#connection').dataset.state === 'live'")
    with connected(grpc) as client, client.pipeline(pipeline({"a": "PassThrough"})) as stream:
        await trio.to_thread.run_sync(stream.wait_ready)
        row = "document.querySelector('.sessions tbody tr')"
        assert "127.0.0.1:" in await page.wait(f"{row} && {row}.innerText")
        await page.value(f"{row}.querySelector('a').click()")
        await page.wait("document.querySelector('[data-node=a]')")
    await page.wait("document.querySelector('.banner:not([hidden])')")
    await page.value("location.hash = '#/recordings'")
    name = await page.wait("document.querySelector('.recordings tbody td').textContent")
    address = f"/console/recordings/{name}"
    start_of = f"fetch({json.dumps(address)}).then((answer) => answer.text())"
    assert "MCAP" in await page.value(start_of)
    # An open page does not delay the end of the server.
    served.send_signal(signal.SIGTERM)
    done = await trio.to_thread.run_sync(finish, served)
    assert done.returncode == 0
    await page.wait("document.querySelector('#connection').dataset.state === 'lost'")
    assert page.problems() == []
