"""Classes that no other process can import, in both executors: of functions, and replaced ones."""

import functools
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from actors import Actor, Field, Kind, Params, Text
from runtime import ConfigError, HookError, ManifestError, Runtime, open_runtime

pytestmark = pytest.mark.executors


class TextNode(Actor[Params]):
    """Return the text."""

    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Text:
        return item


def answers(run_actor, actor: type[Actor[Any]], *texts: str, **params: object) -> list[str]:
    with run_actor(actor, params=params) as node:
        return [item.text for item in node.feed(*map(Text, texts))]


def test_a_class_of_a_function_has_its_closure_its_params_and_its_base(run_actor):
    words = ["one", "two"]

    class CountParams(Params):
        times: int = Field(1, ge=1, le=3)

    def repeated(text: str, times: int) -> str:
        return " ".join([text] * times)

    class Base(Actor[CountParams]):
        accepts = frozenset({Kind.TEXT})
        produces = frozenset({Kind.TEXT})

        def process(self, item: Text) -> Text:
            return Text(item.text + ".")

    class Inner(Base):
        @functools.cached_property
        def first(self) -> str:
            return words[0]

        def process(self, item: Text) -> Text:
            text = super().process(item).text
            return Text(f"{self.first} {repeated(text, self.params.times)}")

    assert answers(run_actor, Inner, "hi", times=2) == ["one hi. hi."]
    with pytest.raises(ManifestError, match="param times: got 4; expected an integer from 1 to 3"):
        run_actor(Inner, params={"times": 4})


def test_a_class_that_was_replaced_is_still_the_one_that_was_given(run_actor):
    class Replaced(TextNode):
        def process(self, item: Text) -> Text:
            return Text("the old one")

    Replaced.__qualname__ = "TextNode"
    assert Replaced.__module__ == TextNode.__module__
    assert answers(run_actor, Replaced, "hi") == ["the old one"]
    assert answers(run_actor, TextNode, "hi") == ["hi"]


@pytest.mark.executors("multiprocess")
def test_a_class_of_a_module_that_is_in_no_folder_of_the_path(run_actor, tmp_path, monkeypatch):
    (tmp_path / "beside_it.py").write_text("WORD = 'beside'\n")
    file = tmp_path / "elsewhere.py"
    file.write_text(
        "from actors import Text\n"
        "from tests.testing.test_classes_by_value import TextNode\n"
        "class Base(TextNode):\n"
        "    def process(self, item):\n"
        "        import beside_it\n"
        "        return Text(f'elsewhere {beside_it.WORD}')\n"
        "def make():\n"
        "    class Inner(Base):\n"
        "        def process(self, item):\n"
        "            return Text(super().process(item).text + ' inside')\n"
        "    return Inner\n"
    )
    module = loaded(file)
    monkeypatch.setitem(sys.modules, "elsewhere", module)
    assert answers(run_actor, module.Base, "hi") == ["elsewhere beside"]
    assert answers(run_actor, module.make(), "hi") == ["elsewhere beside inside"]


def loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_an_error_of_such_a_class_has_its_lines(run_actor):
    class Broken(TextNode):
        def process(self, item: Text) -> Text:
            raise ValueError("no text")  # the line

    with run_actor(Broken) as node, pytest.raises(HookError, match="no text") as caught:
        node.feed(Text("hi"))
    assert 'raise ValueError("no text")  # the line' in caught.value.stack_trace
    assert Path(__file__).name in caught.value.stack_trace


@pytest.mark.executors("multiprocess")
def test_what_cannot_go_to_another_process_is_refused_with_its_name(run_actor):
    lock = threading.Lock()
    numbers = np.zeros(40 * 2**20, np.uint8)

    class Locked(TextNode):
        def process(self, item: Text) -> Text:
            with lock:
                return item

    class Guarded(TextNode):
        guard = threading.Lock()

    def guarded(item: Text) -> Text:
        with lock:
            return item

    class Indirect(TextNode):
        def process(self, item: Text) -> Text:
            return guarded(item)

    class Large(TextNode):
        def process(self, item: Text) -> Text:
            return Text(str(numbers[0]))

    for actor, reason in [
        (Locked, r"by value: lock of process\(\) is a lock; make it in initialize\(\), or move"),
        (Guarded, "by value: the attribute guard is a lock; "),
        (Indirect, r"by value: guarded of process\(\): lock of guarded\(\) is a lock; "),
        (Large, r"it has 40 MiB with what it uses, most of it in numbers of process\(\); "),
    ]:
        with pytest.raises(ManifestError, match=reason):
            run_actor(actor)


@pytest.mark.executors("native")
def test_natively_a_class_may_use_anything(run_actor):
    lock = threading.Lock()

    class Locked(TextNode):
        def process(self, item: Text) -> Text:
            with lock:
                return item

    assert answers(run_actor, Locked, "hi") == ["hi"]


class Unloadable:
    """Can be taken apart, and not be put together again."""

    def __reduce__(self) -> tuple[object, ...]:
        return int, ("no number",)


@pytest.mark.executors("multiprocess")
def test_what_cannot_be_recreated_there_is_an_error_that_says_so(run_actor):
    value = Unloadable()

    class Uses(TextNode):
        def process(self, item: Text) -> Text:
            return Text(str(value))

    with pytest.raises(HookError, match="cannot be recreated in its node process: ValueError"):
        run_actor(Uses).__enter__()


@pytest.mark.executors("native")
async def test_a_class_for_one_session_replaces_that_of_the_runtime() -> None:
    def making(word: str) -> type[Actor[Any]]:
        class Word(TextNode):
            def process(self, item: Text) -> Text:
                return Text(word)

        return Word

    async def answer(runtime: Runtime, **options: Any) -> str:
        manifest = {
            "version": "v1",
            "metadata": {"name": "x"},
            "nodes": [{"id": "n", "node_type": "Word"}],
            "connections": [],
        }
        async with runtime.open_session(manifest, **options) as session:
            await session.send(Text("hi"))
            await session.close_input()
            return str((await session.receive()).data)

    async with open_runtime(node_types={"Word": making("first")}) as runtime:
        assert await answer(runtime, node_types={"Word": making("second")}) == "second"
        assert await answer(runtime) == "first"
        with pytest.raises(ConfigError, match="offered twice"):
            await answer(runtime, node_types={"EchoNode": making("third")})
