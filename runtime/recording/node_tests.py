"""Writes a test of a node from a recording: from an incident to a regression test."""

import keyword
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .errors import RecordingError
from .file_writer import RecordingWriter
from .items import Side
from .recording import Recording
from .replaying import manifest_of_node

_HEAD: Final = '''"""Node `{node}` of pipeline `{pipeline}`, as it was recorded on {date}."""

from collections.abc import Callable
from pathlib import Path

import pytest

{imports}
{constants}
RECORDED = recorded_node(Path(__file__).with_name("{fixture}"))

'''

_OUTPUTS: Final = """
@pytest.mark.executors("{executor}")
def test_{name}_gives_what_it_gave(run_actor: Callable[..., Harness]) -> None:
    with run_actor({actor}, params=RECORDED.params) as run:
        outputs = [*run.feed(*RECORDED.inputs), *run.end()]
    RECORDED.check(outputs)
"""

_ERROR: Final = """
# It failed on the last of these inputs:
# {error}
@pytest.mark.executors("{executor}")
def test_{name}_takes_what_it_failed_on(run_actor: Callable[..., Harness]) -> None:
    with run_actor({actor}, params=RECORDED.params) as run:
        run.feed(*RECORDED.inputs)
        run.end()
"""


def write_node_test(recording: Recording, node: str, folder: Path) -> Path:
    """Write a pytest file that runs a node with what it received in a recording.

    The test fails when the node's outputs change; or, where the node failed, until it no longer
    does. Beside the test lies a recording of just the items that it needs.

    Args:
        recording: the recording.
        node: the node.
        folder: of the test; created if it does not exist.

    Returns:
        The path of the test.

    Raises:
        RecordingError: the node is not in the recording, or a file cannot be written.
    """
    items = recording.received(node)
    if not items:
        raise RecordingError(f"{recording.path}: node {node!r} received nothing that was recorded")
    actor, actor_import, constants = _actor_of(recording, node, folder)
    name = _name_of(node)
    test, fixture = folder / f"test_recorded_{name}.py", folder / f"recorded_{name}.mcap"
    error = recording.error
    failed = error is not None and error.node_id == node
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _write_fixture(recording, node, fixture, failed=failed)
        began = datetime.fromtimestamp(items[0].time_ns / 1e9, UTC)
        imports = sorted(
            [
                "from actors.testing import Harness",
                actor_import,
                "from runtime.recording import recorded_node",
            ]
        )
        head = _HEAD.format(
            node=node,
            pipeline=_one_line(recording.pipeline),
            date=began.date().isoformat(),
            imports="\n".join(imports),
            constants=constants,
            fixture=fixture.name,
        )
        executor = recording.executors.get(node, "native")
        body = (_ERROR if failed else _OUTPUTS).format(
            name=name,
            actor=actor,
            executor=executor if executor in ("native", "multiprocess") else "native",
            error=_one_line(error.text) if error is not None else "",
        )
        test.write_text(head + body)
    except OSError as raised:
        raise RecordingError(f"{test}: cannot be written: {raised.strerror or raised}") from raised
    return test


def _actor_of(recording: Recording, node: str, folder: Path) -> tuple[str, str, str]:
    """Return the name of a node's class in its test, the import that it needs, and its definition.

    A node file is loaded by its path, relative to the test, as `--nodes` loads it.

    Raises:
        RecordingError: no other process can import the class, or its file is not here.
    """
    module, _, actor = recording.targets.get(node, "").rpartition(":")
    if module.endswith(".py"):
        if not Path(module).is_file():
            raise RecordingError(
                f"{recording.path}: the file of the class of node {node!r} is not here: {module}"
            )
        file = os.path.relpath(Path(module).resolve(), folder.resolve())
        name = "NODE_CLASS"
        load = f"load_actor(str(Path(__file__).parent / {file!a}) + {':' + actor!a})"
        return name, "from runtime.catalogue import load_actor", f"\n{name} = {load}"
    if module == "__main__" or not all(
        part.isidentifier() for part in (*module.split("."), *actor.split("."))
    ):
        raise RecordingError(
            f"{recording.path}: the class of node {node!r} cannot be imported by name: {module}"
        )
    return actor, f"from {module} import {actor.partition('.')[0]}", ""


def _write_fixture(recording: Recording, node: str, path: Path, *, failed: bool) -> None:
    metadata = recording.metadata_with(manifest_of_node(recording, node), node)
    writer = RecordingWriter(path, metadata)
    try:
        for item in recording.received(node):
            writer.add_encoded(node, Side.INPUT, item)
        for item in recording.outputs(node):
            writer.add_encoded(node, Side.OUTPUT, item)
    finally:
        writer.close(dict(recording.end) if failed else {"state": "terminated"})


def _name_of(node: str) -> str:
    name = re.sub(r"\W", "_", node).lower()
    return f"{name}_" if keyword.iskeyword(name) else name


def _one_line(text: str) -> str:
    """Return text as a comment or docstring can hold it."""
    first = text.splitlines()[0] if text else ""
    return first.encode("ascii", "backslashreplace").decode().replace('"', "'")[:200]
