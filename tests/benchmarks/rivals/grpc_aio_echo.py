"""A server as a user would write it with grpc.aio: prints its port, and serves until killed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from ._echo_messages import SERVICE, UNBOUNDED, Answers, classes


async def main() -> None:
    """Serve."""
    request_type, response_type = classes()

    async def stream(requests: AsyncIterator[Any], _: object) -> AsyncIterator[Any]:
        answers = Answers(response_type)
        async for request in requests:
            yield answers.answer(request)

    handler = grpc.stream_stream_rpc_method_handler(
        stream,
        request_deserializer=request_type.FromString,
        response_serializer=response_type.SerializeToString,
    )
    server = grpc.aio.server(options=UNBOUNDED)
    handlers = grpc.method_handlers_generic_handler(SERVICE, {"StreamPipeline": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(port, flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(main())
