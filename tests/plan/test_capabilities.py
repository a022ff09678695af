"""The capabilities that a manifest asks for, against machines that the tests describe."""

from pathlib import Path
from typing import Any

import pytest

from runtime.catalogue import build_catalogue
from runtime.config import RuntimeConfig
from runtime.errors import ManifestError
from runtime.manifest import manifest_from
from runtime.plan import Gpu, Machine, Plan, find_machine, make_plan
from tests.manifest.manifests import pipeline

SMALL = Machine("x86_64", cores=2, memory_gb=8.0)
TWO_GPUS = Machine(
    "aarch64",
    cores=64,
    memory_gb=256.0,
    gpus=(Gpu("cuda", 0, "Large", 24.0), Gpu("cuda", 1, "Small", 8.0)),
)


def plan_of(
    machine: Machine, *capabilities: dict[str, Any], executor: str = "multiprocess"
) -> Plan:
    names = "abcd"[: len(capabilities)]
    value = pipeline(*names)
    for node, wanted in zip(value["nodes"], capabilities, strict=True):
        node["capabilities"] = wanted
    overrides = dict.fromkeys(names, executor)
    value["metadata"]["multiprocess"] = {"executor_overrides": overrides}
    return make_plan(
        manifest_from(value),
        config=RuntimeConfig(),
        catalogue=build_catalogue(RuntimeConfig(), installed=()),
        machine=lambda: machine,
    )


def faults_of(machine: Machine, *capabilities: dict[str, Any], **more: Any) -> list[str]:
    with pytest.raises(ManifestError) as caught:
        plan_of(machine, *capabilities, **more)
    return [str(fault) for fault in caught.value.faults]


def test_a_machine_that_has_everything_runs_the_plan() -> None:
    wanted = {"cpu": {"cores": 2, "arch": "x86_64"}, "memory_gb": 8}
    assert plan_of(SMALL, wanted).process_count == 1


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"cpu": {"arch": "aarch64"}}, ["cpu.arch", "got aarch64", "x86_64"]),
        ({"cpu": {"cores": 3}}, ["cpu.cores", "got 3", "2 cores"]),
        ({"memory_gb": 9}, ["memory_gb", "got 9", "8.0 GB"]),
        ({"gpu": {}}, ["gpu", "requires a GPU", "has none"]),
        ({"gpu": {"type": "rocm"}}, ["requires a rocm GPU", "has none"]),
    ],
)
def test_what_the_machine_does_not_have_is_a_fault_that_names_it(
    wanted: dict[str, Any], words: list[str]
) -> None:
    (fault,) = faults_of(SMALL, wanted)
    assert all(word in fault for word in words), fault


def test_a_gpu_that_is_not_required_is_done_without() -> None:
    assert plan_of(SMALL, {"gpu": {"required": False}}).node("a").gpu is None


def test_each_node_has_a_gpu_of_its_own() -> None:
    plan = plan_of(TWO_GPUS, {"gpu": {}}, {"gpu": {"type": "cuda"}})
    assert {plan.node("a").gpu, plan.node("b").gpu} == set(TWO_GPUS.gpus)
    (fault,) = faults_of(TWO_GPUS, {"gpu": {}}, {"gpu": {}}, {"gpu": {}})
    assert "Large (cuda, 0.0 of 24.0 GB free)" in fault


def test_several_nodes_share_a_gpu_where_their_sizes_fit() -> None:
    wanted = {"gpu": {"min_memory_gb": 8}}
    plan = plan_of(TWO_GPUS, wanted, wanted, wanted, wanted)
    indexes = [node.gpu.index for node in plan.nodes if node.gpu is not None]
    assert sorted(indexes) == [0, 0, 0, 1]


def test_a_required_gpu_is_chosen_before_an_optional_one() -> None:
    one = Machine("x86_64", 2, 8.0, (Gpu("cuda", 3, "Only", 16.0),))
    plan = plan_of(one, {"gpu": {"required": False}}, {"gpu": {}})
    assert plan.node("a").gpu is None
    assert plan.node("b").gpu == one.gpus[0]


def test_a_native_node_cannot_require_a_gpu() -> None:
    (fault,) = faults_of(TWO_GPUS, {"gpu": {}}, executor="native")
    assert "executor" in fault


def test_this_machine_is_found() -> None:
    machine = find_machine()
    assert machine.cores >= 1
    assert machine.memory_gb > 0
    assert Path("/proc/meminfo").exists()
