"""What is asked of the process that describes, a line of JSON each, and what it answers."""

from typing import Any

import msgspec

from ..lookup import NodeType
from .description import Description, StoredCheck

Stamp = tuple[int, int]
"""When a file was changed, in nanoseconds, and its length in bytes."""


class Describe(msgspec.Struct, tag=True, frozen=True):
    """Describe a node type; check params for it, if any are given."""

    name: str
    target: str
    extra: str | None
    params: dict[str, Any] | None = None

    @classmethod
    def of(cls, node_type: NodeType, params: dict[str, Any] | None = None) -> "Describe":
        """Return the request for a node type."""
        return cls(node_type.name, node_type.target, node_type.extra, params)


class Scan(msgspec.Struct, tag=True, frozen=True):
    """Find the actors of a file, of a folder, or of a module that can be imported."""

    path: str = ""
    module: str = ""


class DescribeReply(msgspec.Struct, tag=True, frozen=True):
    """The answer to Describe.

    Attributes:
        files: that it depends on; a folder stands for the files that it has.
    """

    description: Description
    checked: StoredCheck | None
    files: dict[str, Stamp]


class ScanReply(msgspec.Struct, tag=True, frozen=True):
    """The answer to Scan: name -> "module:Class"."""

    types: dict[str, str]
    files: dict[str, Stamp]


class RefusalReply(msgspec.Struct, tag=True, frozen=True):
    """It cannot be imported."""

    where: str
    message: str


Request = Describe | Scan
Answer = DescribeReply | ScanReply | RefusalReply
