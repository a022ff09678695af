"""The contract as data, for server reflection: clients such as grpcurl need no .proto files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import betterproto2

DESCRIPTOR_SET: Final = "descriptors.binpb"


def descriptor_set() -> bytes:
    """Return a serialized google.protobuf.FileDescriptorSet; each file follows its imports."""
    return (Path(__file__).parent / "generated" / DESCRIPTOR_SET).read_bytes()


@dataclass(frozen=True, slots=True)
class DescribedFile:
    """One .proto file.

    Attributes:
        name: its path in proto/.
        serialized: a google.protobuf.FileDescriptorProto.
        imports: the names of the imported files.
        symbols: the full names of all declarations.
    """

    name: str
    serialized: bytes
    imports: tuple[str, ...]
    symbols: frozenset[str]


def described_files() -> list[DescribedFile]:
    """Return every file of the contract and of the standard services."""
    return [_described(raw) for raw in _FileSet.parse(descriptor_set()).file]


def _described(raw: bytes) -> DescribedFile:
    file = _File.parse(raw)
    return DescribedFile(file.name, raw, tuple(file.dependency), frozenset(_symbols(file)))


def _symbols(file: "_File") -> Iterator[str]:
    for service in file.service:
        yield f"{file.package}.{service.name}"
        yield from (f"{file.package}.{service.name}.{each.name}" for each in service.member)
    for enum in file.enum_type:
        yield f"{file.package}.{enum.name}"
        yield from (f"{file.package}.{each.name}" for each in enum.member)
    for message in file.message_type:
        yield from _message_symbols(message, file.package)


def _message_symbols(message: "_Message", scope: str) -> Iterator[str]:
    name = f"{scope}.{message.name}"
    yield name
    yield from (f"{name}.{each.name}" for each in (*message.field, *message.oneof_decl))
    for enum in message.enum_type:
        yield f"{name}.{enum.name}"
        yield from (f"{name}.{each.name}" for each in enum.member)
    for nested in message.nested_type:
        yield from _message_symbols(nested, name)


# The fields of google/protobuf/descriptor.proto that are needed here.


@dataclass(eq=False, repr=False)
class _Named(betterproto2.Message):
    name: "str" = betterproto2.field(1, betterproto2.TYPE_STRING)


@dataclass(eq=False, repr=False)
class _Group(betterproto2.Message):
    """An enum with its values, or a service with its methods."""

    name: "str" = betterproto2.field(1, betterproto2.TYPE_STRING)
    member: "list[_Named]" = betterproto2.field(2, betterproto2.TYPE_MESSAGE, repeated=True)


@dataclass(eq=False, repr=False)
class _Message(betterproto2.Message):
    name: "str" = betterproto2.field(1, betterproto2.TYPE_STRING)
    field: "list[_Named]" = betterproto2.field(2, betterproto2.TYPE_MESSAGE, repeated=True)
    nested_type: "list[_Message]" = betterproto2.field(3, betterproto2.TYPE_MESSAGE, repeated=True)
    enum_type: "list[_Group]" = betterproto2.field(4, betterproto2.TYPE_MESSAGE, repeated=True)
    oneof_decl: "list[_Named]" = betterproto2.field(8, betterproto2.TYPE_MESSAGE, repeated=True)


@dataclass(eq=False, repr=False)
class _File(betterproto2.Message):
    name: "str" = betterproto2.field(1, betterproto2.TYPE_STRING)
    package: "str" = betterproto2.field(2, betterproto2.TYPE_STRING)
    dependency: "list[str]" = betterproto2.field(3, betterproto2.TYPE_STRING, repeated=True)
    message_type: "list[_Message]" = betterproto2.field(4, betterproto2.TYPE_MESSAGE, repeated=True)
    enum_type: "list[_Group]" = betterproto2.field(5, betterproto2.TYPE_MESSAGE, repeated=True)
    service: "list[_Group]" = betterproto2.field(6, betterproto2.TYPE_MESSAGE, repeated=True)


@dataclass(eq=False, repr=False)
class _FileSet(betterproto2.Message):
    # Declared as bytes, which look like a message on the wire: the serialized file is what we need.
    file: "list[bytes]" = betterproto2.field(1, betterproto2.TYPE_BYTES, repeated=True)
