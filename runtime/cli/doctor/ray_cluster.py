"""Checks of a Ray cluster, for nodes of the executor `ray`."""

import platform
from collections.abc import Iterator
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from ...plan import ARCH_LABEL, GPU_LABEL, amount_text
from .finding import Finding, State
from .subject import Subject

if TYPE_CHECKING:
    from ...executors.ray import ClusterNode

_WORKER_SECONDS: Final = 60.0


def check_cluster(address: str, subject: Subject) -> Iterator[Finding]:
    """Check the versions, the resources and the ports of a cluster; start a worker on each node.

    Args:
        address: "HOST:PORT" of the GCS; empty for the cluster that runs on this machine.
        subject: this machine.
    """
    name = "ray cluster"
    if not subject.is_installed("ray"):
        advice = 'pip install "millrace-runtime[ray]", with the version of the cluster'
        yield Finding(name, State.ERROR, "Ray is not installed", advice)
        return
    if subject.config.executors.ray.tls and not subject.is_installed("cryptography"):
        advice = 'pip install "millrace-runtime[ray]"'
        yield Finding(name, State.ERROR, "executors.ray.tls needs the package cryptography", advice)
    import trio

    from ...errors import PipelineError
    from ...executors.ray import examine_cluster

    try:
        report = trio.run(examine_cluster, address, _WORKER_SECONDS)
    except PipelineError as error:
        advice = (
            "This machine must be a node of the cluster, with the same versions of Ray and Python: "
            "ray start --address ADDRESS --num-cpus 0"
        )
        yield Finding(name, State.ERROR, str(error), advice)
        return
    found = f"{report.gcs_address}, Ray {report.ray_version}; this machine is {report.node_ip}"
    if not report.nodes:
        advice = "Start nodes with processors: ray start --address ADDRESS"
        yield Finding(name, State.ERROR, f"{found}; no node has processors", advice)
        return
    yield Finding(name, State.OK, found)
    for each in report.nodes:
        node, worker = each.node, each.worker
        amounts = _amounts(node)
        check = f"ray node {node.address}"
        if each.fault or worker is None:
            advice = (
                f"Install millrace-runtime=={version('millrace-runtime')} there, and let this "
                "machine connect to all its ports, as Ray needs too."
            )
            yield Finding(check, State.ERROR, f"{amounts} free; {each.fault}", advice)
            continue
        found = f"{amounts} free; Millrace {worker.version}, Python {worker.python}"
        if (worker.version, worker.python) != (version("millrace-runtime"), _python()):
            advice = (
                f"Install the versions of this machine: {version('millrace-runtime')}, {_python()}"
            )
            is_error = worker.version != version("millrace-runtime")
            yield Finding(check, State.ERROR if is_error else State.WARNING, found, advice)
            continue
        if node.total.get("GPU") and GPU_LABEL not in node.labels:
            advice = (
                "Nodes that name a gpu.type are never placed there: ray start --labels "
                f"{GPU_LABEL}=cuda"
            )
            yield Finding(check, State.WARNING, f"{found}; no label {GPU_LABEL}", advice)
            continue
        yield Finding(check, State.OK, found)


def _amounts(node: "ClusterNode") -> str:
    """Return what is free of a node of the cluster, and its labels that manifests may name."""
    return ", ".join(
        [
            *(
                f"{amount_text(kind, node.free.get(kind, 0))} of "
                f"{amount_text(kind, node.total[kind])}"
                for kind in ("CPU", "memory", "GPU")
                if kind in node.total
            ),
            *(
                f"{label}={node.labels[label]}"
                for label in (ARCH_LABEL, GPU_LABEL)
                if label in node.labels
            ),
        ]
    )


def _python() -> str:
    return platform.python_version()
