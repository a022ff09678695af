"""What `millrace new` writes."""

import json
import re
from string import Template
from typing import Final


def module_name(name: str) -> str:
    """Return the name of a class's module.

    >>> module_name("MyTTSNode")
    'my_tts_node'
    """
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


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
    """What a manifest can say in params."""

    prefix: str = Field("", max_length=100, description="goes before every text")


class $name(Actor[${name}Params]):
    """Put a prefix before every text.

    In: text. Out: text, one for each.
    """

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self) -> None:
        """Get ready: load a model here, and report with self.context.progress(0.5, "...")."""
        self._count = 0

    def process(self, item: Text) -> Text:
        """Return one item, a list or nothing; yield items to send each on at once."""
        self._count += 1
        return Text(f"{self.params.prefix}{item.text}", metadata=item.metadata)

    def flush(self) -> None:
        """Return what is still held at the end of the stream."""

    def cleanup(self) -> None:
        """Let go of everything; this is called even after an error."""
''')

_TEST: Final = Template("""\
import pytest
from actors import Text
from $module import $name


@pytest.mark.executors  # once as a task of this process, once in a process of its own
def test_the_prefix_goes_before_every_text(run_actor):
    with run_actor($name, params={"prefix": "> "}) as node:
        assert [item.text for item in node.feed(Text("a"), Text("b"))] == ["> a", "> b"]
        assert node.end() == []


def test_it_keeps_the_contract(check_actor):
    check_actor($name, params={"prefix": "> "})
""")
