"""What a node asks of a Ray cluster, from its `capabilities`."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from ..manifest import Capabilities, GpuRequirement

ARCH_LABEL: Final = "millrace.io/arch"
"""The label of a Ray node that names its processor: x86_64, aarch64 or arm."""

GPU_LABEL: Final = "millrace.io/gpu"
"""The label of a Ray node that names the type of its GPUs: cuda, rocm, metal or vulkan."""

_ANY: Final = "any"
_GIB: Final = 2**30
# A node without `capabilities`. Not 0, so that it is not placed where the operator has set
# `--num-cpus 0`, as on the head; and a thousand of them fit on one core.
_LEAST_CPUS: Final = 0.001
# Ray counts in steps of 0.0001.
_LEAST_GPU_SHARE: Final = 0.01


@dataclass(frozen=True, slots=True)
class ClusterRequest:
    """What Ray is to reserve for a node.

    Attributes:
        cpus: cores, or a part of one.
        memory_bytes: 0 reserves none.
        gpus: 0 for none, 1 for a whole GPU, less for a part of one.
        labels: that the Ray node must have.
        gpu_is_optional: whether the node runs without the GPU where none is free.
    """

    cpus: float = _LEAST_CPUS
    memory_bytes: int = 0
    gpus: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict)
    gpu_is_optional: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether any place will do."""
        return self == ClusterRequest()

    def without_gpu(self) -> "ClusterRequest":
        """Return the request without its GPU."""
        labels = {name: value for name, value in self.labels.items() if name != GPU_LABEL}
        return replace(self, gpus=0.0, labels=labels, gpu_is_optional=False)

    @property
    def resources(self) -> dict[str, float]:
        """The amounts by the names that Ray gives them."""
        amounts = {"CPU": self.cpus, "memory": float(self.memory_bytes), "GPU": self.gpus}
        return {name: amount for name, amount in amounts.items() if amount}

    def __str__(self) -> str:
        """Return the request in words."""
        parts = [amount_text(name, amount) for name, amount in self.resources.items()]
        if self.gpu_is_optional:
            parts[-1] += " (or none)"
        parts += [f"label {name}={value}" for name, value in self.labels.items()]
        return ", ".join(parts)


def amount_text(name: str, amount: float) -> str:
    """Return an amount of a resource of Ray with its unit.

    >>> amount_text("memory", 2 * 2**30), amount_text("GPU", 0.5)
    ('2 GiB memory', '0.5 GPU')
    """
    if name == "memory":
        return f"{amount / _GIB:.4g} GiB memory"
    return f"{amount:.4g} {name}"


def cluster_request(capabilities: Capabilities | None, gpu_memory_gb: float = 0) -> ClusterRequest:
    """Return what a node asks for.

    Args:
        capabilities: of the node in the manifest.
        gpu_memory_gb: the memory of each GPU of the cluster in GiB, so that a node which needs less
            shares one; 0 if it is not known.

    Raises:
        ValueError: it needs more than one GPU has.
    """
    if capabilities is None:
        return ClusterRequest()
    cpu, gpu = capabilities.cpu, capabilities.gpu
    labels = {}
    if cpu is not None and cpu.arch not in (None, _ANY):
        labels[ARCH_LABEL] = str(cpu.arch)
    if gpu is not None and gpu.type != _ANY:
        labels[GPU_LABEL] = gpu.type
    return ClusterRequest(
        cpus=float(cpu.cores) if cpu is not None and cpu.cores else _LEAST_CPUS,
        memory_bytes=round((capabilities.memory_gb or 0) * _GIB),
        gpus=_gpu_share(gpu, gpu_memory_gb) if gpu is not None else 0.0,
        labels=labels,
        gpu_is_optional=gpu is not None and not gpu.required,
    )


def _gpu_share(gpu: GpuRequirement, gpu_memory_gb: float) -> float:
    if not gpu.min_memory_gb or not gpu_memory_gb:
        return 1.0
    if gpu.min_memory_gb > gpu_memory_gb:
        raise ValueError(
            f"asks for a GPU with {gpu.min_memory_gb:g} GB; one of the cluster has "
            f"{gpu_memory_gb:g} GB (executors.ray.gpu_memory_gb)"
        )
    return max(_LEAST_GPU_SHARE, round(gpu.min_memory_gb / gpu_memory_gb, 2))
