"""A server to be killed: `python -m tests.session.lonely_server CHILDREN TYPE`."""

import sys

import trio

from actors import Text
from runtime import RuntimeConfig, open_runtime
from runtime.config import Multiprocess
from tests.conftest import SPECIMENS
from tests.session.pipelines import manifest


async def main() -> None:
    """Open a session, print the process ids and what was swept, and wait."""
    names = [f"n{index}" for index in range(int(sys.argv[1]))]
    pipeline = manifest(
        dict.fromkeys(names, (sys.argv[2], {})), places=dict.fromkeys(names, "multiprocess")
    )
    config = RuntimeConfig(multiprocess=Multiprocess(max_processes_per_session=50))
    async with open_runtime(config, node_types=SPECIMENS) as runtime:
        print(runtime.swept.instances, runtime.swept.segments, flush=True)
        async with runtime.open_session(pipeline) as session:
            await session.send(Text("x"))
            for _ in names if sys.argv[2] == "WithSubprocess" else ():
                await session.receive()
            print(*session.processes().values(), flush=True)
            await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
