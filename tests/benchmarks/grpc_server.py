"""Our server for the measurements: prints its port, and serves until it is killed."""

import trio

from runtime import RuntimeConfig, open_runtime
from runtime.config import Limits
from runtime.service import open_server

ANY_PORT = {"GRPC_BIND_ADDRESS": "127.0.0.1:0"}


async def main() -> None:
    """Serve."""
    config = RuntimeConfig(limits=Limits(max_sessions=2000))
    async with (
        open_runtime(config) as runtime,
        open_server(runtime, environment=ANY_PORT) as server,
    ):
        print(server.address.port, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
