"""Requests to the describing process and its answers, one line of JSON each."""

from typing import Any

import msgspec

from ..lookup import NodeType
from .description import Description, StoredCheck

Stamp = tuple[int, int]
"""The modification time of a file in nanoseconds, and its length in bytes."""


class Describe(msgspec.Struct, tag=True, frozen=True):
    """Asks for the description of a node type, and for a check of params if any are given."""

    name: str
    target: str
    extra: str | None
    params: dict[str, Any] | None = None

    @classmethod
    def of(cls, node_type: NodeType, params: dict[str, Any] | None = None) -> "Describe":
        """Return the request for a node type."""
        return cls(node_type.name, node_type.target, node_type.extra, params)


class Scan(msgspec.Struct, tag=True, frozen=True):
    """Asks for the actors of a file, of a folder, or of a module."""

    path: str = ""
    module: str = ""


class DescribeReply(msgspec.Struct, tag=True, frozen=True):
    """The answer to Describe.

    Attributes:
        files: the files that the description depends on; a folder stands for its list of files.
    """

    description: Description
    checked: StoredCheck | None
    files: dict[str, Stamp]


class ScanReply(msgspec.Struct, tag=True, frozen=True):
    """The answer to Scan: name -> target."""

    types: dict[str, str]
    files: dict[str, Stamp]


class RefusalReply(msgspec.Struct, tag=True, frozen=True):
    """The answer if a module cannot be imported."""

    where: str
    message: str


Request = Describe | Scan
Answer = DescribeReply | ScanReply | RefusalReply
