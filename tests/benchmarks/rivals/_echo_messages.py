"""What both servers with grpcio answer: messages of protobuf's own classes (upb), made at run time.

A user who writes a server by hand has such classes from protoc.
"""

from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from runtime.wire import descriptor_set

SERVICE: Final = "remotemedia.v1.StreamingPipelineService"
UNBOUNDED: Final = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def classes() -> tuple[Any, Any]:
    """Return the classes of requests and responses."""
    pool = descriptor_pool.DescriptorPool()
    for file in descriptor_pb2.FileDescriptorSet.FromString(descriptor_set()).file:
        pool.Add(file)
    request, response = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"remotemedia.v1.{name}"))
        for name in ("StreamRequest", "StreamResponse")
    )
    return request, response


class Answers:
    """Makes the answer to each request: `ready` to `init`, and a chunk's payload to a chunk."""

    def __init__(self, response_type: Any) -> None:
        self._response_type = response_type
        self._chunks = 0

    def answer(self, request: Any) -> Any:
        """Return the response to a request."""
        response = self._response_type()
        if request.WhichOneof("request") == "init":
            response.ready.session_id = "echo"
            return response
        chunk = request.data_chunk
        self._chunks += 1
        result = response.result
        result.sequence = chunk.sequence
        result.total_items_processed = self._chunks
        result.data_outputs[chunk.node_id].CopyFrom(chunk.buffer)
        return response
