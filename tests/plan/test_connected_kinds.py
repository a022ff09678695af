"""Nodes that have no kind of data in common are not connected: that is known before the start."""

from typing import Any

import pytest

from runtime import ManifestError, RuntimeConfig
from runtime.catalogue import build_catalogue
from runtime.plan import Plan, plan_manifest


def plan_of(*types: str, **faulty: Any) -> Plan:
    """Plan a chain of nodes of these types, whose ids are their places."""
    config = RuntimeConfig()
    ids = [str(place) for place in range(len(types))]
    manifest = {
        "version": "v1",
        "metadata": {"name": "chain"},
        "nodes": [{"id": node, "node_type": name} for node, name in zip(ids, types, strict=True)],
        "connections": [
            {"from": ids[place], "to": ids[place + 1]} for place in range(len(types) - 1)
        ],
        **faulty,
    }
    return plan_manifest(manifest, config=config, catalogue=build_catalogue(config))


MESSAGE = (
    "connection 0 -> 1: AudioLevelNode gives json, and EchoNode takes audio, text; "
    "put a JsonToText between them"
)


def test_a_connection_over_which_nothing_can_go_is_a_fault():
    with pytest.raises(ManifestError) as caught:
        plan_of("AudioLevelNode", "EchoNode")
    assert [str(fault) for fault in caught.value.faults] == [MESSAGE]


def test_where_nothing_converts_nothing_is_promised():
    with pytest.raises(ManifestError, match="connect nodes that share a kind of data"):
        plan_of("EspeakNode", "MultiplyNode")
    with pytest.raises(ManifestError, match="put a TextToJson between them"):
        plan_of("PocketSphinxNode", "MultiplyNode")


def test_the_converter_that_is_named_joins_them():
    plan_of("AudioLevelNode", "JsonToText", "EchoNode")
    plan_of("PocketSphinxNode", "TextToJson", "MultiplyNode")


def test_it_is_told_beside_faults_of_form():
    with pytest.raises(ManifestError) as caught:
        plan_of("AudioLevelNode", "EchoNode", version="v2")
    assert MESSAGE in [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize(
    "types",
    [
        ("EspeakNode", "AudioLevelNode", "MultiplyNode"),
        ("AudioLevelNode", "PassThrough", "EchoNode"),
        ("SileroVADNode", "AudioLevelNode"),
    ],
    ids=["same kind", "any kind between", "one kind in common"],
)
def test_one_kind_in_common_is_enough(types: tuple[str, ...]):
    assert len(plan_of(*types).nodes) == len(types)
