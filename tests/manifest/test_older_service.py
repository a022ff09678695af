"""Manifests that were written for the older service: what is honoured, and what to do instead."""

from typing import Any

import pytest

from runtime.catalogue import build_catalogue
from runtime.config import RuntimeConfig
from runtime.errors import ManifestError
from runtime.manifest import manifest_from
from runtime.plan import make_plan
from runtime.wire.conversion import manifest_json, manifest_message

from .manifests import pipeline

OLDER_KEYS = {
    "python_env": "metadata.multiprocess.python_executable",
    "python_deps": "metadata.multiprocess.python_executable",
    "media_capabilities": "leave it out",
    "execution": "metadata.multiprocess.executor_overrides",
    "docker": "metadata.multiprocess.executor_overrides",
    "fast_path": "leave it out",
}


def older(key: str, *, at_top: bool) -> dict[str, Any]:
    manifest = pipeline("a", "b", edges="a>b")
    (manifest if at_top else manifest["nodes"][1])[key] = {"anything": 1}
    return manifest


@pytest.mark.parametrize("at_top", [True, False])
@pytest.mark.parametrize("key", OLDER_KEYS)
def test_a_key_of_the_older_service_is_a_fault_with_what_replaces_it(
    key: str, at_top: bool
) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest_from(older(key, at_top=at_top))
    (fault,) = caught.value.faults
    assert fault.where == (key if at_top else f"node 'b': {key}")
    assert fault.message.startswith("is a key of the older service; ")
    assert OLDER_KEYS[key] in fault.message


@pytest.mark.parametrize("at_top", [True, False])
@pytest.mark.parametrize("key", OLDER_KEYS)
def test_a_lenient_reading_makes_it_a_warning(key: str, at_top: bool) -> None:
    manifest = manifest_from(older(key, at_top=at_top), lenient=True)
    (warning,) = manifest.warnings
    assert warning.where.endswith(key)
    assert manifest == manifest_from(pipeline("a", "b", edges="a>b"))


def test_a_lenient_reading_refuses_what_is_unknown_everywhere() -> None:
    manifest = older("docker", at_top=False)
    manifest["nodes"][0]["dockr"] = 1
    with pytest.raises(ManifestError) as caught:
        manifest_from(manifest, lenient=True)
    (fault,) = caught.value.faults
    assert "dockr: unknown key" in str(fault)


@pytest.mark.parametrize(
    ("alias", "name"),
    [
        ("Echo", "EchoNode"),
        ("RustResampleNode", "FastResampleNode"),
        ("RustVADNode", "SileroVADNode"),
    ],
)
def test_an_alias_names_the_node_type_that_does_the_same(alias: str, name: str) -> None:
    catalogue = build_catalogue(RuntimeConfig(), installed=())
    found = catalogue.find(alias)
    assert found is catalogue.types[name]
    assert found.aliases == (alias,)
    own = build_catalogue(RuntimeConfig(nodes={alias: "own:Node"}), installed=())
    found = own.find(alias)
    assert found is not None
    assert (found.target, found.aliases) == ("own:Node", ())


def test_an_output_node_is_a_sink_although_others_read_it() -> None:
    value = pipeline("a", "b", "c", edges="a>b b>c")
    value["nodes"][1]["is_output_node"] = True
    value["nodes"][2]["is_output_node"] = False
    manifest = manifest_from(value)
    catalogue = build_catalogue(RuntimeConfig(), installed=())
    assert make_plan(manifest, config=RuntimeConfig(), catalogue=catalogue).sinks == ("b", "c")
    assert manifest_from(manifest_json(manifest)) == manifest
    sent = [node.is_output_node for node in manifest_message(manifest).nodes]
    assert sent == [False, True, False]
