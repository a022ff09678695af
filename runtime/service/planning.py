"""Plans the pipeline of a request."""

import trio

from ..plan import Plan
from ..session import Runtime
from ..wire import PipelineManifest
from ..wire.conversion import manifest_value


async def plan_of(runtime: Runtime, message: PipelineManifest) -> Plan:
    """Return the plan of a manifest.

    It is made in a thread, since it may import the modules of node types.

    Raises:
        ManifestError: the manifest is not valid; every fault is listed.
    """
    return await trio.to_thread.run_sync(_plan_of, runtime, message)


def _plan_of(runtime: Runtime, message: PipelineManifest) -> Plan:
    return runtime.plan(manifest_value(message), of_client=True)
