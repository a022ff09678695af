"""Sessions in an application on asyncio, in its own process.

The names and types are those of `runtime`, whose sessions are for applications on trio.

Example:
    async with open_session("pipeline.json") as session:
        await session.send(Text("hello"))
        await session.close_input()
        async for result in session:
            print(result.node_id, result.data)
"""

from .runtime import Runtime, open_runtime, open_session
from .session import Session
from .taps import TapQueue

__all__ = ["Runtime", "Session", "TapQueue", "open_runtime", "open_session"]
