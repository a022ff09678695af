"""grpclib on trio-asyncio that echoes raw bytes: prints its port, and serves until it is killed."""

import asyncio
from typing import Any

import trio
import trio_asyncio
from grpclib.config import Configuration
from grpclib.const import Cardinality, Handler
from grpclib.encoding.base import CodecBase
from grpclib.server import Server, Stream

MIB = 1024 * 1024


class RawCodec(CodecBase):
    """Passes bytes unchanged."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        """Return the bytes."""
        assert isinstance(message, bytes)
        return message

    def decode(self, data: bytes, message_type: Any) -> Any:
        """Return the bytes."""
        return data


class Echo:
    """Echoes every message."""

    async def echo(self, stream: "Stream[bytes, bytes]") -> None:
        """Send each message back."""
        async for message in stream:
            await stream.send_message(message)

    def __mapping__(self) -> dict[str, Handler]:
        return {"/raw/Echo": Handler(self.echo, Cardinality.STREAM_STREAM, bytes, bytes)}


async def start() -> int:
    """Listen; return the port."""
    windows = Configuration(http2_connection_window_size=16 * MIB, http2_stream_window_size=8 * MIB)
    server = Server([Echo()], codec=RawCodec(), config=windows)
    await server.start("127.0.0.1", 0)
    assert isinstance(server._server, asyncio.Server)
    port: int = server._server.sockets[0].getsockname()[1]
    return port


async def main() -> None:
    """Serve."""
    async with trio_asyncio.open_loop():
        print(await trio_asyncio.aio_as_trio(start)(), flush=True)
        await trio.sleep_forever()


if __name__ == "__main__":
    trio.run(main)
