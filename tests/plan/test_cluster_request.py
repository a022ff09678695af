"""What a node asks a Ray cluster for, from its capabilities; a plan shows it."""

from typing import Any

import pytest

from runtime.catalogue import build_catalogue
from runtime.config import RuntimeConfig, parse_config
from runtime.errors import ManifestError
from runtime.manifest import Capabilities, CpuRequirement, GpuRequirement, manifest_from
from runtime.plan import Plan, cluster_request, known_executors, plan_manifest

ON = "executors.ray = {enabled = true%s}"


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        (None, "0.001 CPU"),
        (Capabilities(), "0.001 CPU"),
        (Capabilities(cpu=CpuRequirement(cores=4)), "4 CPU"),
        (Capabilities(cpu=CpuRequirement(arch="any")), "0.001 CPU"),
        (Capabilities(cpu=CpuRequirement(arch="arm")), "0.001 CPU, label millrace.io/arch=arm"),
        (Capabilities(memory_gb=1.5), "0.001 CPU, 1.5 GiB memory"),
        (Capabilities(gpu=GpuRequirement()), "0.001 CPU, 1 GPU"),
        (Capabilities(gpu=GpuRequirement(min_memory_gb=6)), "0.001 CPU, 0.25 GPU"),
        (
            Capabilities(gpu=GpuRequirement(type="cuda", required=False)),
            "0.001 CPU, 1 GPU (or none), label millrace.io/gpu=cuda",
        ),
    ],
)
def test_capabilities_become_resources_and_labels(
    capabilities: Capabilities | None, words: str
) -> None:
    assert str(cluster_request(capabilities, gpu_memory_gb=24)) == words


def test_without_the_memory_of_a_gpu_a_node_has_a_whole_one() -> None:
    assert cluster_request(Capabilities(gpu=GpuRequirement(min_memory_gb=6))).gpus == 1


def test_without_its_optional_gpu_the_label_goes_too() -> None:
    wanted = cluster_request(Capabilities(gpu=GpuRequirement(type="cuda", required=False)))
    assert wanted.without_gpu().is_plain


def planned(config: RuntimeConfig, capabilities: dict[str, Any]) -> Plan:
    manifest = {
        "version": "v1",
        "metadata": {"name": "x", "multiprocess": {"executor_overrides": {"n": "ray"}}},
        "nodes": [{"id": "n", "node_type": "PassThrough", "capabilities": capabilities}],
        "connections": [],
    }
    return plan_manifest(
        manifest_from(manifest),
        config=config,
        catalogue=build_catalogue(config),
        executors=known_executors(config.executors),
    )


def test_a_plan_shows_what_a_node_asks_for_and_does_not_check_this_machine() -> None:
    config = parse_config(ON % "")
    plan = planned(config, {"cpu": {"cores": 500}, "gpu": {"type": "rocm"}})
    assert plan.node("n").reason.endswith("; asks for 500 CPU, 1 GPU, label millrace.io/gpu=rocm")


def test_a_gpu_that_is_larger_than_all_is_refused_by_the_plan() -> None:
    config = parse_config(ON % ", gpu_memory_gb = 24")
    with pytest.raises(ManifestError, match="asks for a GPU with 40 GB; one of the cluster has 24"):
        planned(config, {"gpu": {"min_memory_gb": 40}})


def test_the_executor_is_off_by_default() -> None:
    with pytest.raises(ManifestError, match=r"set executors\.ray\.enabled = true"):
        planned(RuntimeConfig(), {})
