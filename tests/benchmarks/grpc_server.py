"""Our server for the measurements: prints its port, and serves until it is killed.

Its arguments are the port of a collector of traces, and how many items there are per traced one.
"""

import gc
import sys

import trio

from runtime import RuntimeConfig, open_runtime
from runtime.config import Limits, Tracing
from runtime.service import open_server

ANY_PORT = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}


async def main() -> None:
    """Serve."""
    tracing = Tracing()
    if len(sys.argv) > 1:
        endpoint = f"http://127.0.0.1:{sys.argv[1]}/v1/traces"
        tracing = Tracing(endpoint=endpoint, item_interval=int(sys.argv[2]))
    config = RuntimeConfig(limits=Limits(max_sessions=2000), tracing=tracing)
    async with (
        open_runtime(config) as runtime,
        open_server(runtime, environment=ANY_PORT) as server,
    ):
        gc.collect()
        gc.freeze()  # as the command `serve` does
        print(server.address.port, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
