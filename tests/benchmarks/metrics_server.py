"""Our server with its metrics port, scraped once a second; see `grpc_server`."""

import trio

from runtime import RuntimeConfig, open_runtime
from runtime.service import open_server

from .grpc_server import ANY_PORT
from .metrics import scraped


async def main() -> None:
    """Serve."""
    async with (
        open_runtime(RuntimeConfig()) as runtime,
        open_server(runtime, environment=ANY_PORT) as server,
        scraped(runtime),
    ):
        print(server.address.port, flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
