"""What both services are asked for: a pipeline to run, and what it may use."""

import trio

from ..config import ResourceLimits
from ..plan import Plan
from ..session import Runtime
from ..wire import PipelineManifest
from ..wire import ResourceLimits as LimitsMessage
from ..wire.conversion import manifest_value


async def plan_of(runtime: Runtime, message: PipelineManifest) -> Plan:
    """Check a manifest, and decide what would run where.

    In a thread, since it may import the modules of node types.

    Raises:
        ManifestError: it is not valid; every fault is listed.
    """
    return await trio.to_thread.run_sync(_plan_of, runtime, message)


def _plan_of(runtime: Runtime, message: PipelineManifest) -> Plan:
    return runtime.plan(manifest_value(message))


def limits_of(message: LimitsMessage | None) -> ResourceLimits:
    """Return what a client wants its session to be bounded by."""
    if message is None:
        return ResourceLimits()
    return ResourceLimits(
        message.max_memory_bytes, message.max_timeout_ms, message.max_audio_samples
    )
