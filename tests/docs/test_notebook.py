"""The example notebook runs in a real kernel, and what else a notebook needs does too."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.commands import environment
from tests.conftest import SEGMENTS
from tests.docs.blocks import ROOT, blocks_of

EXAMPLE = ROOT / "examples" / "notebook" / "node_in_a_notebook.ipynb"
PAGE = ROOT / "docs" / "guides" / "scripts-and-notebooks.md"
# Each cell that follows those of the example, by what it shows.
FURTHER = {
    "redefined": """
class FadeNode(FadeNode):
    def process(self, item: Audio) -> Audio:
        return Audio(-super().process(item).samples, item.sample_rate)

for executor in "native", "multiprocess":
    async with harness(FadeNode, executor=executor) as node:
        (turned,) = await node.feed(tone)
        print(executor, bool((turned.samples == -faded_at_once(tone).samples).all()))
""",
    "beside": """
import beside
from actors import Text

class SignNode(Actor[Params]):
    accepts = produces = frozenset({Kind.TEXT})
    def process(self, item: Text) -> Text:
        if not item.text:
            raise ValueError("no text")  # the line of the cell
        return Text(item.text + beside.SIGN)

async with harness(SignNode, executor="multiprocess") as node:
    print(*await node.feed(Text("hi")))
""",
    "failing": """
async with harness(SignNode, executor="multiprocess") as node:
    await node.feed(Text(""))
""",
    "refused": """
import threading
lock = threading.Lock()

class LockNode(SignNode):
    def process(self, item: Text) -> Text:
        with lock:
            return item

harness(LockNode, executor="multiprocess")
""",
    "blocking": """
with harness(SignNode) as node:
    pass
""",
    "process": "import os\nos.getpid()",
}
BEFORE = """
def faded_at_once(item):
    node = FadeNode.__mro__[1](FadeParams())
    node.initialize()
    return node.process(item)
"""
RAISING = {"failing", "refused", "blocking"}


def cell(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {"tags": ["raises-exception"] if name in RAISING else []},
        "outputs": [],
        "source": source.strip(),
    }


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """The outputs of each cell, by its id, or by its index in the example."""
    folder = tmp_path_factory.mktemp("notebook")
    (folder / "beside.py").write_text("SIGN = '!'\n")
    notebook = json.loads(EXAMPLE.read_text())
    further = {"before": BEFORE, **FURTHER}
    notebook["cells"] += [cell(name, source) for name, source in further.items()]
    (folder / "in.ipynb").write_text(json.dumps(notebook))
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.docs.run_notebook",
            folder / "in.ipynb",
            folder / "out.ipynb",
        ],
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    cells = json.loads((folder / "out.ipynb").read_text())["cells"]
    return {each["id"]: each.get("outputs", []) for each in cells}


def text_of(outputs: list[dict[str, Any]]) -> str:
    parts: Iterator[Any] = (part for each in outputs for part in each.get("text", []))
    return "".join(parts)


def html_of(output: dict[str, Any]) -> str:
    return "".join(output["data"]["text/html"])


def error_of(outputs: list[dict[str, Any]]) -> tuple[str, str]:
    (error,) = (each for each in outputs if each["output_type"] == "error")
    plain = re.sub(r"\x1b\[[\d;]*m", "", "\n".join(error["traceback"]))
    return f"{error['ename']}: {error['evalue']}", plain


def test_the_example_runs_natively_and_in_a_process(outputs):
    shown = [each for name, cells in outputs.items() if name.startswith("cell-") for each in cells]
    printed = text_of(shown)
    assert printed == "native 0.1\nmultiprocess 0.1\n"
    html = [html_of(each) for each in shown if "text/html" in each.get("data", {})]
    tone, faded, session, result = html
    assert "<audio controls" in tone
    assert "<audio controls" in faded
    assert "<svg" in session
    assert "multiprocess" in session
    assert "completed" in session
    assert "rms_db" in result


def test_the_example_has_no_outputs_and_the_guide_shows_its_cells():
    cells = json.loads(EXAMPLE.read_text())["cells"]
    sources = ["".join(each["source"]) for each in cells]
    assert not any(each.get("outputs") for each in cells)
    shown = [block.text.strip() for block in blocks_of(PAGE) if Path(__file__).name in block.detail]
    assert shown
    assert all(any(text in source for source in sources) for text in shown)


def test_a_cell_that_runs_again_replaces_its_class(outputs):
    assert text_of(outputs["redefined"]) == "native True\nmultiprocess True\n"


def test_a_class_uses_a_module_beside_the_notebook(outputs):
    assert text_of(outputs["beside"]) == "hi!\n"


def test_an_error_shows_the_line_of_the_cell(outputs):
    error, trace = error_of(outputs["failing"])
    assert error == "HookError: node 'node': process() raised ValueError: no text"
    assert 'raise ValueError("no text")  # the line of the cell' in trace
    assert "runtime" not in trace


def test_what_cannot_work_is_refused_with_what_to_do(outputs):
    error, _ = error_of(outputs["refused"])
    assert "cannot be sent there by value: lock of process() is a lock; make it in init" in error
    error, _ = error_of(outputs["blocking"])
    assert "use the harness with `async with`" in error


def test_a_kernel_leaves_nothing_behind(outputs):
    process = int("".join(outputs["process"][0]["data"]["text/plain"]))
    assert not list(SEGMENTS.glob(f"mr{process:x}-*"))
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)
