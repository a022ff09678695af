import subprocess
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from actors.nodes.pass_through import PassThrough
from runtime.catalogue import BUILT_IN, Catalogue, NodeType, build_catalogue, load_actor
from runtime.catalogue.lookup import GROUP
from runtime.config import RuntimeConfig
from runtime.errors import ConfigError
from tests.plan.actors_for_plans import TunedNode

HERE = "tests.plan.actors_for_plans"


def point(name: str, value: str) -> EntryPoint:
    return EntryPoint(name, value, GROUP)


def built(*installed: EntryPoint, **nodes: str) -> Catalogue:
    return build_catalogue(RuntimeConfig(nodes=nodes), installed=installed)


def test_the_catalogue_has_what_comes_along():
    catalogue = built()
    assert len(catalogue) == len(BUILT_IN)
    assert {each.name for each in catalogue} == {entry.name for entry in BUILT_IN}
    found = catalogue.find("PassThrough")
    assert found is not None
    assert (found.executor, found.origin) == ("native", "built in")
    assert load_actor(found) is PassThrough


def test_installed_and_configured_types_come_too():
    catalogue = built(point("Tuned", f"{HERE}:TunedNode"), MyNode=f"{HERE}:TunedNode")
    assert {"Tuned", "MyNode", "PassThrough"} <= set(catalogue.types)
    assert load_actor(catalogue.types["Tuned"]) is TunedNode
    assert catalogue.types["MyNode"].origin == "runtime.toml"


def test_an_application_adds_classes_targets_and_types():
    catalogue = built().with_types(
        {
            "ByClass": TunedNode,
            "Inner": TunedNode.InnerNode,
            "ByTarget": f"{HERE}:TunedNode",
            "ByType": NodeType("other", f"{HERE}:TunedNode", executor="native"),
        }
    )
    target = f"{HERE}:TunedNode"
    assert catalogue.types["ByClass"] == NodeType("ByClass", target, actor=TunedNode)
    assert load_actor(catalogue.types["Inner"]) is TunedNode.InnerNode
    assert catalogue.types["ByTarget"].target == f"{HERE}:TunedNode"
    assert catalogue.types["ByType"].executor == "native"
    assert "ByClass" not in built()


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("__main__:UpperNode", "is in no module; give the class itself"),
        (7, 'got 7; expected "module:Class", or a class'),
    ],
)
def test_what_is_neither_a_class_nor_a_target_is_refused(kind: Any, expected: str):
    with pytest.raises(ConfigError, match=expected):
        built().with_types({"X": kind})


def test_a_target_that_is_none_is_refused():
    with pytest.raises(ConfigError, match='got "my nodes"; expected "module:Class"'):
        built().with_types({"X": "my nodes"})


def test_two_that_offer_one_name_are_refused_with_both_named():
    with pytest.raises(ConfigError) as caught:
        built(point("EchoNode", "other.echo:EchoNode"), point("X", "a:B"), point("X", "c:D"))
    first, second = map(str, caught.value.faults)
    assert first == (
        "node type 'EchoNode': offered twice: actors.nodes.echo:EchoNode (built in) and "
        "other.echo:EchoNode (an installed distribution); name the one you want in runtime.toml, "
        "[nodes]"
    )
    assert "a:B" in second
    assert "c:D" in second


def test_the_operator_decides_between_two():
    catalogue = built(point("EchoNode", "other.echo:EchoNode"), EchoNode="third:EchoNode")
    assert catalogue.types["EchoNode"].target == "third:EchoNode"
    again = catalogue.with_types({"EchoNode": "fourth:EchoNode"})
    assert again.types["EchoNode"].target == "third:EchoNode"


def test_the_same_target_twice_is_no_conflict():
    assert built(point("X", "a:B"), point("X", "a:B")).types["X"].target == "a:B"


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Echonode", 'did you mean "EchoNode"?'),
        ("echo_node", 'did you mean "EchoNode"?'),
        ("PASSTHROUGH", 'did you mean "PassThrough"?'),
        ("AudioChunker", 'did you mean "AudioChunkerNode"?'),
        ("Zzz", "known node types: AudioBufferAccumulatorNode, "),
    ],
)
def test_an_unknown_type_gets_the_nearest_name(name: str, hint: str):
    assert built().find(name) is None
    assert built().unknown(name).startswith(f'no node type "{name}"; {hint}')


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("tests.no_such:X", "there is no module tests.no_such; is it installed?"),
        ("no_such_package.inner:X", "there is no module no_such_package; is it installed?"),
        (f"{HERE}:TunedNod", f'{HERE} has no TunedNod; did you mean "TunedNode"?'),
        (f"{HERE}:TunedNode.Outer", "has no Outer; its classes: InnerNode"),
        (f"{HERE}:NotAnActor", "NotAnActor is not a subclass of actors.Actor"),
        (f"{HERE}:number", "number is not a subclass of actors.Actor"),
        (f"{HERE}:number.x", "has no x; its classes: none"),
        ("X", 'X: expected "module:Class"'),
        ("a..b:X", 'a..b:X: expected "module:Class"'),
    ],
)
def test_a_target_that_cannot_be_loaded_has_a_reason(target: str, message: str):
    with pytest.raises(ConfigError) as caught:
        load_actor(target)
    assert message in str(caught.value)


def test_a_failed_import_has_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "millrace_broken.py").write_text("1 / 0")
    (tmp_path / "millrace_needy.py").write_text("import no_such_library")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="importing millrace_broken raised ZeroDivisionError"):
        load_actor("millrace_broken:X")
    with pytest.raises(ConfigError) as caught:
        load_actor(NodeType("X", "millrace_needy:X", extra="speech"))
    assert str(caught.value) == (
        "millrace_needy:X: millrace_needy needs the module no_such_library, which is not "
        'installed; pip install "millrace-runtime[speech]"'
    )


def test_building_a_catalogue_imports_no_node():
    code = (
        "import sys; from runtime.catalogue import build_catalogue; "
        "from runtime.config import RuntimeConfig; from runtime.plan import Router; "
        "catalogue = build_catalogue(RuntimeConfig()); router = Router(RuntimeConfig().routing); "
        "[router.route(each) for each in catalogue]; "
        "print([name for name in sys.modules if name.startswith('actors.nodes')]); "
        "print('trio' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "False"]
