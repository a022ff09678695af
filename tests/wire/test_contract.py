"""The .proto files are the contract, field by field."""

from collections.abc import Iterator

import pytest

from runtime.wire import descriptor_set
from tests.wire.contract import TABLES

pytest.importorskip("google.protobuf", reason="protobuf is missing: install the dev extra")

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

PACKAGE = "remotemedia.v1"


def tables(described: bytes) -> dict[str, list[str]]:
    """Render descriptors as contract.txt writes them."""
    found: dict[str, list[str]] = {}
    for file in FileDescriptorSet.FromString(described).file:
        if file.package == PACKAGE:
            found.update(file_tables(file))
    return found


def file_tables(file: FileDescriptorProto) -> Iterator[tuple[str, list[str]]]:
    where = f"({file.name.rpartition('/')[2]})"
    for service in file.service:
        for rpc in service.method:
            source = "stream " * rpc.client_streaming + short(rpc.input_type)
            target = "stream " * rpc.server_streaming + short(rpc.output_type)
            yield f"rpc {service.name}/{rpc.name} {where}", [f"  {source} -> {target}"]
    for message in file.message_type:
        title = f"message {message.name} {where}" + " deprecated" * message.options.deprecated
        yield title, [field_line(message, field) for field in message.field]
        for enum in message.enum_type:
            yield f"enum {message.name}.{enum.name} {where}", enum_lines(enum)
    for enum in file.enum_type:
        yield f"enum {enum.name} {where}", enum_lines(enum)


def enum_lines(enum: EnumDescriptorProto) -> list[str]:
    return [f"  {value.number} {value.name}" for value in enum.value]


def field_line(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    line = f"  {field.number} {field.name} {label(message, field)}"
    if field.HasField("oneof_index") and not field.proto3_optional:
        line += f" in {message.oneof_decl[field.oneof_index].name}"
    return line + (" deprecated" if field.options.deprecated else "")


def label(message: DescriptorProto, field: FieldDescriptorProto) -> str:
    for entry in message.nested_type:
        if field.type_name == f".{PACKAGE}.{message.name}.{entry.name}":
            key, value = entry.field
            return f"map<{kind(key)}, {kind(value)}>"
    if field.label == FieldDescriptorProto.LABEL_REPEATED:
        return f"repeated {kind(field)}"
    return ("optional " if field.proto3_optional else "") + kind(field)


def kind(field: FieldDescriptorProto) -> str:
    if field.type_name:
        return short(field.type_name)
    name: str = FieldDescriptorProto.Type.Name(field.type)
    return name.removeprefix("TYPE_").lower()


def short(name: str) -> str:
    return name.removeprefix(f".{PACKAGE}.")


@pytest.mark.parametrize("title", TABLES)
def test_the_proto_files_say_what_the_contract_says(title: str, descriptors: bytes) -> None:
    assert tables(descriptors).get(title) == TABLES[title]


def test_the_proto_files_say_nothing_else(descriptors: bytes) -> None:
    assert set(tables(descriptors)) == set(TABLES)


def test_every_file_is_proto3_and_in_the_folder_of_its_package(descriptors: bytes) -> None:
    for file in FileDescriptorSet.FromString(descriptors).file:
        assert file.syntax == "proto3"
        assert file.name.rpartition("/")[0] == file.package.replace(".", "/")


def test_what_reflection_shows_is_what_protoc_reads(descriptors: bytes) -> None:
    assert descriptor_set() == descriptors
