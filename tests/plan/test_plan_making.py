import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from runtime.catalogue import Catalogue, build_catalogue
from runtime.config import RuntimeConfig, parse_config
from runtime.errors import ErrorType, LimitError, ManifestError
from runtime.manifest import manifest_from, parse_manifest
from runtime.plan import ExecutorDeclaration, Plan, Source
from runtime.plan.plan import make_plan
from tests.manifest.manifests import pipeline

from .actors_for_plans import RequiredNode, TunedNode

OTHER = ExecutorDeclaration(uses_processes=False)
CATALOGUE = build_catalogue(RuntimeConfig(), installed=()).with_types(
    {"TunedNode": TunedNode, "RequiredNode": RequiredNode}
)


def planned(
    value: dict[str, Any], *, toml: str = "", catalogue: Catalogue = CATALOGUE, **more: Any
) -> Plan:
    return make_plan(manifest_from(value), config=parse_config(toml), catalogue=catalogue, **more)


def faults_of(value: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        planned(value, **more)
    return [str(fault) for fault in caught.value.faults]


def test_nodes_stand_behind_what_feeds_them_and_know_their_neighbours():
    plan = planned(pipeline("d", "c", "b", "a", edges="a>b a>c b>d c>d"))
    assert [node.node_id for node in plan.nodes] == ["a", "c", "b", "d"]
    assert plan.node("d").inputs == ("b", "c")
    assert plan.node("a").outputs == ("b", "c")
    assert plan.sources == ("a",)
    assert plan.sinks == ("d",)
    assert plan.successors == {"a": ("b", "c"), "c": ("d",), "b": ("d",), "d": ()}
    with pytest.raises(KeyError):
        plan.node("e")


def test_a_lone_node_is_source_and_sink():
    plan = planned(pipeline("a", "b"))
    assert plan.sources == plan.sinks == ("a", "b")


def test_every_node_has_its_executor_and_the_reason():
    plan = planned(pipeline("a", "b:TunedNode", "c:TunedNode", executor_overrides={"c": "native"}))
    assert [(node.executor, node.reason) for node in plan.nodes] == [
        ("native", "registered: PassThrough -> native"),
        ("multiprocess", "pattern *Node (priority 100) -> multiprocess"),
        ("native", "override in metadata.multiprocess.executor_overrides"),
    ]
    assert [node.uses_process for node in plan.nodes] == [False, True, False]
    assert plan.process_count == 1


def test_params_arrive_checked_in_snake_case():
    manifest = pipeline("a:TunedNode")
    manifest["nodes"][0]["params"] = json.dumps({"chunkSize": 64, "words": ["x"]})
    assert planned(manifest).node("a").params == {"chunk_size": 64, "words": ["x"]}


def test_settings_come_with_their_source():
    plan = planned(pipeline("a", channel_capacity=5), toml="[multiprocess]\nchannel_bytes = 99")
    assert (plan.settings.values.channel_capacity, plan.settings.values.channel_bytes) == (5, 99)
    assert plan.settings.setting("channel_bytes").source is Source.RUNTIME_TOML


def test_a_wrong_param_is_named_with_line_node_type_and_form():
    text = """\
version: v1
metadata: {name: x}
nodes:
  - id: chunk
    node_type: AudioChunkerNode
    params:
      chunkSize: abc
  - id: tuned
    node_type: TunedNode
    params: {low: 11}
connections: []
"""
    with pytest.raises(ManifestError) as caught:
        make_plan(parse_manifest(text, "p.yaml"), config=RuntimeConfig(), catalogue=CATALOGUE)
    assert [str(fault) for fault in caught.value.faults] == [
        "p.yaml:7: node 'chunk' (AudioChunkerNode): param chunkSize: got \"abc\"; expected an "
        "integer from 1 to 4194304 (default 512)",
        "p.yaml:10: node 'tuned' (TunedNode): params: low 11 is above high 10; expected low <= "
        "high",
    ]


def test_an_unknown_type_gets_the_nearest_name():
    (fault,) = faults_of(pipeline("a:Passthru"))
    assert fault == ('node \'a\': node_type: no node type "Passthru"; did you mean "PassThrough"?')


def test_a_type_that_cannot_be_loaded_says_why():
    catalogue = CATALOGUE.with_types({"GoneNode": "tests.no_such_module:GoneNode"})
    (fault,) = faults_of(pipeline("a:GoneNode"), catalogue=catalogue)
    assert fault == (
        "node 'a': node_type: cannot be used: tests.no_such_module:GoneNode: there is no module "
        "tests.no_such_module; is it installed?"
    )


def test_a_node_on_another_host_needs_the_operators_permission():
    manifest = pipeline("a")
    manifest["nodes"][0]["host"] = "worker:50051"
    (fault,) = faults_of(manifest)
    assert fault.startswith("node 'a': host: got \"worker:50051\"; nodes on other hosts are off")
    other = '[executors.remote]\nenabled = true\nhosts.w = {address = "other:50051"}'
    (fault,) = faults_of(manifest, toml=other)
    assert fault.endswith("the operator does not allow this host (executors.remote.hosts)")
    assert "other" not in fault.replace("nodes on other", "")
    (node,) = planned(manifest, toml=other.replace("other:", "worker:")).nodes
    assert (node.executor, node.reason) == ("remote", "host worker:50051")


def test_an_override_to_an_unknown_executor_is_a_fault():
    (fault,) = faults_of(pipeline("a", executor_overrides={"a": "nativ"}))
    assert fault.startswith('metadata.multiprocess.executor_overrides.a: no executor "nativ"')
    assert fault.endswith('did you mean "native"?')


def test_an_override_that_the_operator_does_not_allow_is_a_fault():
    toml = "[routing]\noverride_executors = ['multiprocess']"
    (fault,) = faults_of(pipeline("a", executor_overrides={"a": "native"}), toml=toml)
    assert 'the operator does not let a manifest choose "native"' in fault


def test_an_executor_that_the_runtime_does_not_have_is_a_fault():
    (fault,) = faults_of(pipeline("a:TunedNode"), executors={"native": OTHER})
    assert 'no executor "multiprocess" (pattern *Node (priority 100) -> multiproc' in fault
    gpu = planned(
        pipeline("a", executor_overrides={"a": "gpu"}), executors={"native": OTHER, "gpu": OTHER}
    )
    assert gpu.node("a").executor == "gpu"


def test_more_processes_than_allowed_are_a_limit_error_with_the_figures():
    nodes = [f"n{index}:TunedNode" for index in range(3)]
    manifest = pipeline(*nodes, max_processes_per_session=2)
    with pytest.raises(LimitError) as caught:
        planned(manifest)
    assert caught.value.error_type is ErrorType.RESOURCE_LIMIT
    assert str(caught.value) == (
        "3 nodes need a process of their own (n0, n1, n2); max_processes_per_session is "
        "2 (manifest)"
    )
    manifest = pipeline(*nodes, max_processes_per_session=50)
    assert planned(manifest).process_count == 3
    with pytest.raises(LimitError, match=r"is 2 \(manifest, 50 asked for, capped by limits\.max_t"):
        planned(manifest, toml="[limits]\nmax_total_processes = 2")


def test_a_manifest_s_interpreter_must_be_allowed():
    manifest = pipeline("a", python_executable="/tmp/evil")
    (fault,) = faults_of(manifest)
    assert fault.startswith('metadata.multiprocess.python_executable: got "/tmp/evil"; expected')
    toml = "[multiprocess]\nallowed_python_executables = ['/tmp/evil']"
    assert planned(manifest, toml=toml).settings.values.python_executable == "/tmp/evil"


def test_more_nodes_than_the_operator_allows_are_refused_before_any_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "millrace_unwanted.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    catalogue = CATALOGUE.with_types({"X": "millrace_unwanted:X"})
    toml = "[limits]\nmax_manifest_nodes = 1\nmax_manifest_connections = 0"
    assert faults_of(pipeline("a:X", "b:X", edges="a>b"), toml=toml, catalogue=catalogue) == [
        "nodes: got 2; the operator allows 1 (limits.max_manifest_nodes)",
        "connections: got 1; the operator allows 0 (limits.max_manifest_connections)",
    ]
    assert "millrace_unwanted" not in sys.modules


def test_only_types_that_a_manifest_names_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "millrace_unused.py").write_text("raise SystemExit")
    monkeypatch.syspath_prepend(tmp_path)
    planned(pipeline("a"), catalogue=CATALOGUE.with_types({"X": "millrace_unused:X"}))
    assert "millrace_unused" not in sys.modules


def test_faults_of_all_layers_come_at_once():
    manifest = pipeline(
        "a:Nope",
        "b:RequiredNode",
        "c:TunedNode",
        "d:TunedNode",
        "e:TunedNode",
        executor_overrides={"c": "gpu"},
        python_executable="x",
        max_processes_per_session=1,
    )
    manifest["nodes"][2].update(params={"zzz": 1})
    manifest["nodes"][3].update(params={"zzz": 1}, host="h:1")
    places = [re.split(r": (?:got|no) ", fault)[0] for fault in faults_of(manifest)]
    assert places == [
        "node 'd': host",
        "node 'a': node_type",
        "node 'b' (RequiredNode): param model: is missing; expected text",
        "node 'c' (TunedNode): param zzz: unknown param; known params: chunk_size, rate, gain, "
        "quality, words, label, low, high",
        "metadata.multiprocess.executor_overrides.c",
        "metadata.multiprocess.python_executable",
        "nodes: 2 nodes need a process of their own (b, e); max_processes_per_session is 1 "
        "(manifest)",
    ]


def test_a_chain_of_the_most_nodes_is_planned():
    ids = [f"n{index}" for index in range(1000)]
    edges = " ".join(f"{a}>{b}" for a, b in pairwise(ids))
    plan = planned(pipeline(*ids, edges=edges), toml="[limits]\nmax_manifest_nodes = 1000")
    assert [node.node_id for node in plan.nodes] == ids
