"""Two messages that the contract does not have: one with every type of field, one within itself."""

import dataclasses
from types import GenericAlias
from typing import Any, Final

import betterproto2

PACKAGE: Final = "every_type"
SCALARS: Final[list[tuple[str, type]]] = [
    ("double", float),
    ("float", float),
    ("int32", int),
    ("int64", int),
    ("uint32", int),
    ("uint64", int),
    ("sint32", int),
    ("sint64", int),
    ("fixed32", int),
    ("fixed64", int),
    ("sfixed32", int),
    ("sfixed64", int),
    ("bool", bool),
    ("string", str),
    ("bytes", bytes),
]
"""Betterproto2's and protobuf's names of the types, and what Python has for them."""

MAPS: Final = [("int32", "bytes"), ("bool", "double"), ("sfixed64", "sint32"), ("uint64", "bool")]
"""Types of keys and values."""


def fields() -> list[tuple[int, str, str, str]]:
    """The number, name, kind and type of every field but the maps."""
    kinds = ["single", "repeated", "optional", "member"]
    named = [(kind, scalar) for kind in kinds for scalar, _ in SCALARS]
    return [(number, f"{kind}_{of}", kind, of) for number, (kind, of) in enumerate(named, start=1)]


def _class() -> Any:
    made: list[tuple[str, Any, Any]] = []
    held: dict[str, type] = dict(SCALARS)
    options: dict[str, dict[str, Any]] = {
        "single": {},
        "repeated": {"repeated": True},
        "optional": {"optional": True},
        "member": {"optional": True, "group": "choice"},
    }
    for number, name, kind, scalar in fields():
        of = held[scalar]
        hint = {"single": of, "repeated": GenericAlias(list, of)}
        field = betterproto2.field(number, scalar, **options[kind])
        made.append((name, hint.get(kind, of | None), field))
    for number, (key, value) in enumerate(MAPS, start=len(made) + 1):
        field = betterproto2.field(
            number, betterproto2.TYPE_MAP, map_meta=betterproto2.map_meta(key, value)
        )
        made.append((f"map_{key}", GenericAlias(dict, (held[key], held[value])), field))
    return dataclasses.make_dataclass(
        "EveryType",
        made,
        bases=(betterproto2.Message,),
        namespace={"__module__": __name__},
        eq=False,
        repr=False,
    )


EveryType: Final = _class()


@dataclasses.dataclass(eq=False, repr=False)
class Nest(betterproto2.Message):
    inner: "Nest | None" = betterproto2.field(1, betterproto2.TYPE_MESSAGE, optional=True)  # noqa: RUF009


def official_classes() -> dict[str, Any]:
    """Protobuf's own classes of the same messages."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(
        name="every_type.proto", package=PACKAGE, syntax="proto3"
    )
    _describe_nest(file.message_type.add(name="Nest"))
    _describe_every_type(file.message_type.add(name="EveryType"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    names = [f"{PACKAGE}.{message.name}" for message in file.message_type]
    found = [message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names]
    return {message_class.DESCRIPTOR.name: message_class for message_class in found}


def _describe_nest(message: Any) -> None:
    inner = message.field.add(name="inner", number=1, type_name=f".{PACKAGE}.Nest")
    inner.type, inner.label = inner.TYPE_MESSAGE, inner.LABEL_OPTIONAL


def _describe_every_type(message: Any) -> None:
    message.oneof_decl.add(name="choice")
    for number, name, kind, scalar in fields():
        field = _describe_field(message, number, name, scalar)
        if kind == "repeated":
            field.label = field.LABEL_REPEATED
        if kind == "member":
            field.oneof_index = 0
        if kind == "optional":
            field.proto3_optional = True
            field.oneof_index = len(message.oneof_decl)
            message.oneof_decl.add(name=f"_{name}")
    for number, (key, value) in enumerate(MAPS, start=len(message.field) + 1):
        entry = message.nested_type.add(name=f"Map{key.title()}Entry")
        entry.options.map_entry = True
        _describe_field(entry, 1, "key", key)
        _describe_field(entry, 2, "value", value)
        field = message.field.add(name=f"map_{key}", number=number)
        field.type, field.label = field.TYPE_MESSAGE, field.LABEL_REPEATED
        field.type_name = f".{PACKAGE}.EveryType.{entry.name}"


def _describe_field(message: Any, number: int, name: str, scalar: str) -> Any:
    field = message.field.add(name=name, number=number)
    field.type = getattr(field, f"TYPE_{scalar.upper()}")
    field.label = field.LABEL_OPTIONAL
    return field
