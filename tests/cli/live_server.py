"""A server, and a session on it, for commands that look at them."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.cli.commands import command, environment, millrace, start, write_manifest

ADD: Final = {"operation": "add", "operands": [1, 2]}
SECONDS: Final = 60


class Live:
    """A server, and a session on it whose client waits for input."""

    def __init__(self, folder: Path, address: str, run: "subprocess.Popen[bytes]") -> None:
        self.folder = folder
        self.address = address
        self.run = run

    def millrace(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        return millrace(*arguments, "--server", self.address, folder=self.folder)

    def start(self, *arguments: str | Path) -> "subprocess.Popen[bytes]":
        return start(*arguments, "--server", self.address, folder=self.folder)


@contextmanager
def live_server(folder: Path, *nodes: dict[str, object], name: str = "pipeline") -> Iterator[Live]:
    """Serve, and run a pipeline whose client waits for input, for as long as the block lasts.

    Args:
        folder: where both run.
        nodes: of the pipeline; by default one CalculatorNode, "calc".
        name: of the pipeline.
    """
    calculator = {"id": "calc", "node_type": "CalculatorNode"}
    manifest = write_manifest(folder, *(nodes or (calculator,)), name=name)
    (folder / "one.jsonl").write_text(json.dumps(ADD) + "\n")
    server = subprocess.Popen(
        command("serve", "--bind", "127.0.0.1:0"),
        cwd=folder,
        env={**environment(), "MILLRACE_ADMIN_TOKENS": "operator"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stderr is not None
        address = ""
        for line in server.stderr:
            if found := re.search(r"listening on (\S+);", line):
                address = found[1]
                break
        run = start("run", manifest, "--input-kind", "jsonl", "--server", address, folder=folder)
        try:
            assert run.stderr is not None
            for text in run.stderr:
                if b"ready in" in text:
                    break
            yield Live(folder, address, run)
        finally:
            with run:  # closes its streams
                if run.poll() is None:
                    os.killpg(run.pid, signal.SIGKILL)
    finally:
        with server:
            server.send_signal(signal.SIGINT)
