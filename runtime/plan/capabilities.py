"""Checks the `capabilities` of nodes against this machine, and assigns GPUs to nodes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ..documents import Problem
from ..manifest import Capabilities, GpuRequirement, NodeManifest
from .machine import FindMachine, Gpu, Machine

_ANY = "any"


@dataclass(frozen=True, slots=True)
class GpuAssignment:
    """The GPUs of a plan's nodes, and what the machine does not have.

    Attributes:
        gpus: node id -> its GPU.
    """

    gpus: Mapping[str, Gpu]
    problems: Sequence[Problem]


def assign_gpus(
    nodes: Sequence[NodeManifest],
    uses_process: Mapping[str, bool],
    find_machine: FindMachine,
    elsewhere: Collection[str] = (),
) -> GpuAssignment:
    """Check the capabilities of nodes, and choose a GPU for each that asks for one.

    A GPU is for one node of a session, unless `min_memory_gb` says that several fit. Required GPUs
    are chosen first; a node that does not require one runs without where none is left.

    Args:
        nodes: of the manifest; another host checks those that it runs.
        uses_process: node id -> whether it runs in a process of its own; only such a node can be
            given a GPU.
        find_machine: is called only if a node has capabilities.
        elsewhere: nodes whose executor checks what they ask for.
    """
    wanted = [
        (index, node, node.capabilities)
        for index, node in enumerate(nodes)
        if node.capabilities is not None and node.id not in elsewhere
    ]
    if not wanted:
        return GpuAssignment({}, ())
    machine = find_machine()
    problems = [
        problem
        for index, _, capabilities in wanted
        for problem in _processor_problems(index, capabilities, machine)
    ]
    gpus: dict[str, Gpu] = {}
    free = {gpu.index: gpu.memory_gb for gpu in machine.gpus}
    asking = [
        (index, node, capabilities.gpu)
        for index, node, capabilities in wanted
        if capabilities.gpu is not None
    ]
    for index, node, gpu in sorted(asking, key=lambda each: not each[2].required):
        if not uses_process.get(node.id, False):
            if gpu.required:
                message = (
                    "the node runs in the server's process, which has no GPU of its own; choose "
                    "an executor with processes in metadata.multiprocess.executor_overrides"
                )
                problems.append(Problem(("nodes", index, "capabilities", "gpu"), message))
            continue
        found = _free_gpu(gpu, machine, free)
        if found is not None:
            gpus[node.id] = found
            # Without a size, a node may take all of it.
            free[found.index] -= gpu.min_memory_gb or free[found.index]
        elif gpu.required:
            message = _missing_gpu(gpu, machine, free)
            problems.append(Problem(("nodes", index, "capabilities", "gpu"), message))
    return GpuAssignment(gpus, problems)


def _processor_problems(
    index: int, capabilities: Capabilities, machine: Machine
) -> Iterator[Problem]:
    path = ("nodes", index, "capabilities")
    cpu = capabilities.cpu
    if cpu is not None and cpu.arch not in (None, _ANY, machine.arch):
        yield Problem((*path, "cpu", "arch"), f"got {cpu.arch}; this machine is {machine.arch}")
    if cpu is not None and (cpu.cores or 0) > machine.cores:
        message = f"got {cpu.cores}; the server may use {machine.cores} cores"
        yield Problem((*path, "cpu", "cores"), message)
    if (capabilities.memory_gb or 0) > machine.memory_gb:
        message = f"got {capabilities.memory_gb:g}; this machine has {machine.memory_gb:.1f} GB"
        yield Problem((*path, "memory_gb"), message)


def _free_gpu(wanted: GpuRequirement, machine: Machine, free: Mapping[int, float]) -> Gpu | None:
    """Return the suitable GPU with the most free memory."""
    suitable = [
        gpu
        for gpu in machine.gpus
        if wanted.type in (_ANY, gpu.type)
        and free[gpu.index] > 0
        and free[gpu.index] >= (wanted.min_memory_gb or gpu.memory_gb)
    ]
    return max(suitable, key=lambda gpu: free[gpu.index], default=None)


def _missing_gpu(wanted: GpuRequirement, machine: Machine, free: Mapping[int, float]) -> str:
    size = f" with {wanted.min_memory_gb:g} GB" if wanted.min_memory_gb else ""
    kind = "a GPU" if wanted.type == _ANY else f"a {wanted.type} GPU"
    if not machine.gpus:
        found = "this machine has none (NVIDIA's are found with the extra `gpu`)"
    else:
        found = "this machine has " + ", ".join(
            f"{gpu.name} ({gpu.type}, {free[gpu.index]:.1f} of {gpu.memory_gb:.1f} GB free)"
            for gpu in machine.gpus
        )
    return f"requires {kind}{size}; {found}; set required: false to run without"
