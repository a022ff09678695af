"""The operator's calls of millrace.v1.Operations, on grpcio."""

from typing import Any

from tests.service.grpcio_client import SECONDS, Client
from tests.service.messages import make, message_class

TOKENS = {"GRPC_AUTH_TOKENS": "anna,bert", "MILLRACE_ADMIN_TOKENS": "operator"}


def call(client: Client, method: str, **fields: Any) -> Any:
    """Call a unary rpc."""
    request = make(f"millrace.v1.{method}Request", **fields)
    return client.unary(
        f"/millrace.v1.Operations/{method}", request, f"millrace.v1.{method}Response"
    )


def watch(client: Client, method: str, *, timeout: float = SECONDS, **fields: Any) -> Any:
    """Call an rpc that answers with a stream."""
    rpc = client.channel.unary_stream(
        f"/millrace.v1.Operations/{method}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_class(f"millrace.v1.{method}Response").FromString,
    )
    request = make(f"millrace.v1.{method}Request", **fields)
    return rpc(request, metadata=client.metadata, timeout=timeout)
