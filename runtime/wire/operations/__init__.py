"""The messages of millrace.v1.Operations, our own service for operators."""

from ..generated.millrace.v1 import (
    KillSessionRequest,
    KillSessionResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    NodeInfo,
    SessionInfo,
    WatchedItem,
    WatchItemsRequest,
    WatchItemsResponse,
    WatchMetadata,
)

__all__ = [
    "KillSessionRequest",
    "KillSessionResponse",
    "ListSessionsRequest",
    "ListSessionsResponse",
    "NodeInfo",
    "SessionInfo",
    "WatchItemsRequest",
    "WatchItemsResponse",
    "WatchMetadata",
    "WatchedItem",
]
