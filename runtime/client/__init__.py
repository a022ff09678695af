"""A client of a Millrace server, or of another server of remotemedia.v1.

It runs under asyncio and under trio, and detects which of them runs it.

Example:
    async with connect("127.0.0.1:50051", token=token) as runtime:
        async with runtime.stream("dictation.json") as stream:
            await stream.send(samples, sample_rate=16000)
            await stream.close()
            async for result in stream:
                print(result.node_id, result.sequence, result.data)
"""

from ..wire.standard import ServingStatus
from .attach import RemoteAttach
from .remote import Execution, RemoteRuntime, connect
from .stream import RemoteStream
from .tls import client_tls

__all__ = [
    "Execution",
    "RemoteAttach",
    "RemoteRuntime",
    "RemoteStream",
    "ServingStatus",
    "client_tls",
    "connect",
]
