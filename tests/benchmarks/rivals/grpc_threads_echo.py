"""A server as a user would write it with grpcio's threads: prints its port, serves until killed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc

from ._echo_messages import SERVICE, UNBOUNDED, Answers, classes


def main() -> None:
    """Serve."""
    request_type, response_type = classes()

    def stream(requests: Iterator[Any], _: object) -> Iterator[Any]:
        return map(Answers(response_type).answer, requests)

    handler = grpc.stream_stream_rpc_method_handler(
        stream,
        request_deserializer=request_type.FromString,
        response_serializer=response_type.SerializeToString,
    )
    server = grpc.server(ThreadPoolExecutor(8), options=UNBOUNDED)
    handlers = grpc.method_handlers_generic_handler(SERVICE, {"StreamPipeline": handler})
    server.add_generic_rpc_handlers((handlers,))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(port, flush=True)
    server.wait_for_termination()


if __name__ == "__main__":
    main()
