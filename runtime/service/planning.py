"""Plans the pipeline of a request."""

import trio

from ..plan import Plan
from ..session import Runtime
from ..wire import PipelineManifest
from ..wire.conversion import manifest_value


async def plan_of(
    runtime: Runtime, message: PipelineManifest, *, peer: str = "", token_name: str = ""
) -> Plan:
    """Return the plan of a manifest.

    It is made in a thread, since it may import the modules of node types.

    Args:
        runtime: knows the node types.
        message: the manifest.
        peer: the client's address, for the log.
        token_name: the operator's label of the client's token, for the log.

    Raises:
        ManifestError: the manifest is not valid; every fault is listed.
    """
    return await trio.to_thread.run_sync(_plan_of, runtime, message, peer, token_name)


def _plan_of(runtime: Runtime, message: PipelineManifest, peer: str, token_name: str) -> Plan:
    value = manifest_value(message)
    return runtime.plan(value, of_client=True, peer=peer, token_name=token_name)
