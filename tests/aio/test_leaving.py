"""Applications that close their loop, or exit, without leaving the block of a runtime."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.running import is_running

SEGMENTS = Path("/dev/shm")
START = """
import asyncio, os, sys, threading
from runtime.aio import open_session
from actors import Text

MANIFEST = {
    "version": "v1",
    "metadata": {"name": "echo"},
    "nodes": [{"id": "echo", "node_type": "EchoNode"}],
    "connections": [],
}

async def enter():
    global opening, session
    opening = open_session(MANIFEST)
    session = await opening.__aenter__()
    await session.send(Text("x"))
    await session.receive()
    print(os.getpid(), *(await session.processes()).values(), flush=True)
    return session
"""
CLOSED_LOOP = """
loop = asyncio.new_event_loop()
loop.run_until_complete(enter())
loop.close()
"""


@pytest.mark.parametrize(
    "end",
    [
        CLOSED_LOOP,
        "asyncio.run(enter())\nsys.exit(0)",
        "loop = asyncio.new_event_loop()\nloop.run_until_complete(enter())\nsys.exit(0)",
        # Dropped, so that its thread ends long before the application does.
        CLOSED_LOOP
        + """
(thread,) = [each for each in threading.enumerate() if each.name == "millrace runtime"]
sys.unraisablehook = lambda _: None
del session, opening, loop
import gc
gc.collect()
thread.join(60)
assert not thread.is_alive()
""",
        # A pending call keeps the block alive; the error that ends it does not reach the loop.
        """
loop = asyncio.new_event_loop()
session = loop.run_until_complete(enter())
task = loop.create_task(session.receive())
loop.run_until_complete(asyncio.sleep(0.01))
loop.close()
""",
    ],
    ids=["closed loop", "returned", "exit", "dropped", "pending call"],
)
def test_nothing_is_left_behind(end: str, tmp_path: Path) -> None:
    script = tmp_path / "application.py"
    script.write_text(textwrap.dedent(START) + end)
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=60, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    pid, node = map(int, done.stdout.split())
    assert not is_running(node)
    assert not list(SEGMENTS.glob(f"mr{pid:x}-*"))


def test_it_works_with_fixtures_and_tests_of_pytest_asyncio(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import asyncio
            import os
            import signal

            import pytest
            import pytest_asyncio

            from actors import Text
            from runtime import NodeError
            from runtime.aio import open_runtime

            MANIFEST = {
                "version": "v1",
                "metadata": {"name": "echo"},
                "nodes": [{"id": "echo", "node_type": "EchoNode"}],
                "connections": [],
            }

            @pytest_asyncio.fixture(loop_scope="module", scope="module")
            async def runtime():
                async with open_runtime() as opened:
                    yield opened

            @pytest_asyncio.fixture(loop_scope="module")
            async def session(runtime):
                async with runtime.open_session(MANIFEST) as opened:
                    yield opened

            pytestmark = pytest.mark.asyncio(loop_scope="module")

            async def test_a_result(session):
                await session.send(Text("x"))
                assert (await session.receive()).data == Text("Echo #1: x")

            async def test_a_failure(runtime):
                with pytest.raises(NodeError, match="node 'echo'"):
                    async with runtime.open_session(MANIFEST) as session:
                        await session.wait_ready()
                        os.kill((await session.processes())["echo"], signal.SIGKILL)
                        await asyncio.Event().wait()

            async def test_a_session_that_another_test_leaves_open(session):
                await session.wait_ready()
            """
        )
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nfilterwarnings = error\nasyncio_default_fixture_loop_scope = function\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:trio", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert "3 passed" in done.stdout, done.stdout
