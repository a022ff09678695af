"""Checks of blocks that are not programs: the things that they configure must exist."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from typing import Final

import trio
import yaml
from typer.main import get_command

from runtime import Manifest, manifest_from, open_runtime
from runtime.catalogue import BUILT_IN
from runtime.cli.app import app
from runtime.config import Executors, RemoteHost, RemoteSettings, parse_config

_INSTRUCTIONS: Final = {
    *("FROM", "RUN", "COPY", "WORKDIR", "ENV", "USER", "EXPOSE", "CMD", "ENTRYPOINT", "STOPSIGNAL")
}
_UNIT_KEYS: Final = {
    *("Description", "After", "Wants", "Type", "User", "WorkingDirectory", "Environment"),
    *("EnvironmentFile", "ExecStart", "Restart", "TimeoutStopSec", "KillMode", "KillSignal"),
    *("LimitNOFILE", "NoNewPrivileges", "ProtectSystem", "ProtectHome", "PrivateTmp"),
    *("WantedBy", "DynamicUser", "StateDirectory"),
}

# What manifests of the pages choose by its name.
_OPERATOR: Final = parse_config(
    """
[models.default]
url = "http://127.0.0.1:8080/v1"
model = "llama"
[tools]
temperature = "house.py:temperature"
"""
)


def check_document(value: object) -> None:
    """Check a manifest as a server would; other JSON and YAML is not checked further."""
    if not isinstance(value, Mapping) or "nodes" not in value:
        return
    manifest = manifest_from(value)
    # Node types that the page itself defines are checked when the page runs them.
    if {node.node_type for node in manifest.nodes} <= {entry.name for entry in BUILT_IN}:
        trio.run(_plan, manifest)


async def _plan(manifest: Manifest) -> None:
    hosts = {str(node.id): RemoteHost(address=node.host) for node in manifest.nodes if node.host}
    remote = RemoteSettings(enabled=True, hosts=hosts)
    config = _OPERATOR.model_copy(update={"executors": Executors(remote=remote)})
    async with open_runtime(config) as runtime:
        runtime.plan(manifest)


def check_python(text: str) -> None:
    """Check a file that another block of the page imports or runs."""
    compile(text, "a file of the page", "exec")


def check_script(text: str) -> None:
    """Check JavaScript that another block of the page runs."""
    node = shutil.which("node")
    if node is not None:
        done = subprocess.run([node, "--check", "-"], input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


def check_unit(text: str) -> None:
    """Check a systemd unit: its keys, and the command that it runs."""
    unit = configparser.ConfigParser(interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    unknown = {key for section in unit.values() for key in section} - _UNIT_KEYS
    assert not unknown, unknown
    check_command(shlex.split(unit["Service"]["ExecStart"]))


def check_dockerfile(text: str) -> None:
    """Check a Dockerfile: its instructions, and the command that it runs."""
    lines = re.sub(r"\\\n", " ", text).splitlines()
    steps = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
    unknown = {step[0] for step in steps} - _INSTRUCTIONS
    assert not unknown, unknown
    check_command(json.loads(dict(steps)["CMD"]))


def check_command(words: list[str]) -> None:
    """Check that `millrace` has this command with these options."""
    assert words[0].rpartition("/")[2] == "millrace", words
    command = get_command(app).commands[words[1]]  # type: ignore[attr-defined]
    command.make_context(words[1], words[2:], resilient_parsing=True)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words[2:] if word.startswith("-")} <= known, words


CHECKS: Final[Mapping[str, Callable[[str], object]]] = {
    "python": check_python,
    "json": lambda text: check_document(json.loads(text)),
    "yaml": lambda text: check_document(yaml.safe_load(text)),
    "toml": parse_config,
    "js": check_script,
    "ini": check_unit,
    "dockerfile": check_dockerfile,
}
