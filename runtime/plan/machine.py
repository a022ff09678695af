"""What this machine has: cores, memory and GPUs, against which `capabilities` are checked."""

import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_GIB: Final = 2**30
# How the kernel names what the contract calls otherwise.
_ARCHITECTURES: Final = {"amd64": "x86_64", "arm64": "aarch64", "armv7l": "arm", "armv6l": "arm"}


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU.

    Attributes:
        type: "cuda", "rocm" and the like, as in a manifest.
        index: by which a process chooses it, as in CUDA_VISIBLE_DEVICES.
        memory_gb: in GiB.
    """

    type: str
    index: int
    name: str
    memory_gb: float


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine.

    Attributes:
        arch: "x86_64", "aarch64", "arm" or another name of the kernel's.
        cores: that this process may use.
        memory_gb: in GiB.
    """

    arch: str
    cores: int
    memory_gb: float
    gpus: tuple[Gpu, ...] = ()


FindMachine = Callable[[], Machine]
"""Describes the machine; it is called only for a manifest that has `capabilities`."""


def find_machine() -> Machine:
    """Return this machine. NVIDIA's GPUs are found where the extra `gpu` is installed."""
    arch = platform.machine().lower()
    pages, page_bytes = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        _ARCHITECTURES.get(arch, arch),
        len(os.sched_getaffinity(0)),
        pages * page_bytes / _GIB,
        _nvidia_gpus(),
    )


def _nvidia_gpus() -> tuple[Gpu, ...]:
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()  # no driver, so no GPU that could be used
    try:
        return tuple(_nvidia_gpu(index) for index in range(pynvml.nvmlDeviceGetCount()))
    except pynvml.NVMLError:
        return ()
    finally:
        pynvml.nvmlShutdown()


def _nvidia_gpu(index: int) -> Gpu:
    import pynvml

    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    name = pynvml.nvmlDeviceGetName(handle)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle).total
    text = name.decode(errors="replace") if isinstance(name, bytes) else str(name)
    return Gpu("cuda", index, text, memory / _GIB)
