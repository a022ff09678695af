"""The files that `millrace new` writes."""

import importlib.util
import json
import keyword
import re
import sys
from pathlib import Path
from string import Template
from typing import Final

import actors

from ..catalogue import BUILT_IN


def module_name(name: str) -> str:
    """Return the name of a class's module.

    >>> module_name("MyTTSNode")
    'my_tts_node'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def name_fault(name: str) -> str:
    """Return why a class cannot have a name; empty if it can.

    Millrace finds a node file by its path, but the test of a new node imports the file by name.
    """
    module = module_name(name)
    instead = f"choose another name, such as {name}Node" if not name.endswith("Node") else ""
    instead = instead or f"choose another name, such as My{name}"
    if name in actors.__all__:
        return f"the node imports {name} from actors; {instead}"
    if any(entry.name == name for entry in BUILT_IN):
        return f"a built-in node type has this name; {instead}"
    if keyword.iskeyword(module):
        return f"{module} is a keyword of Python; {instead}"
    if module in sys.stdlib_module_names or _is_installed(module):
        return f"a module {module} exists already, so that no test could import yours; {instead}"
    return ""


def _is_installed(module: str) -> bool:
    found = importlib.util.find_spec(module)
    if found is None:
        return False
    # `python -m runtime` has the current folder in sys.path, which a later test run may not have.
    return found.origin is None or Path(found.origin).parent != Path.cwd()


def files_of(name: str) -> dict[str, str]:
    """Return the files of a new node: name -> text."""
    module = module_name(name)
    words = {"name": name, "module": module}
    manifest = {
        "version": "v1",
        "metadata": {"name": f"{module}-example"},
        "nodes": [{"id": module, "node_type": name, "params": {"prefix": "> "}}],
        "connections": [],
    }
    return {
        f"{module}.py": _NODE.substitute(words),
        f"test_{module}.py": _TEST.substitute(words),
        f"{module}.json": json.dumps(manifest, indent=2) + "\n",
    }


_NODE: Final = Template('''\
"""$name."""

from actors import Actor, Field, Kind, Params, Text


class ${name}Params(Params):
    """The params that a manifest can set."""

    prefix: str = Field("", max_length=100, description="added before every text")


class $name(Actor[${name}Params]):
    """Add a prefix to every text.

    In: text. Out: text, one for each.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        """Load a model here; report progress with self.context.progress(0.5, "...")."""
        self._count = 0

    def process(self, item: Text) -> Text:
        """Return one item, a list or None; to emit items one by one, yield them."""
        self._count += 1
        return Text(f"{self.params.prefix}{item.text}", metadata=item.metadata)

    def flush(self) -> None:
        """Return the items that remain at the end of the stream."""

    def cleanup(self) -> None:
        """Release all resources; this hook is called even after an error."""
''')

_TEST: Final = Template("""\
import pytest
from actors import Text
from $module import $name


@pytest.mark.executors  # once natively, once in a node process
def test_the_prefix_goes_before_every_text(run_actor):
    with run_actor($name, params={"prefix": "> "}) as node:
        assert [item.text for item in node.feed(Text("a"), Text("b"))] == ["> a", "> b"]
        assert node.end() == []


def test_it_keeps_the_contract(check_actor):
    check_actor($name, params={"prefix": "> "})
""")
