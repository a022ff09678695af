"""The fields of betterproto2's message classes, as reading and writing need them."""

from dataclasses import dataclass
from typing import Any, Final

import betterproto2

from .. import AudioBuffer, BinaryBuffer, NumpyBuffer, TensorBuffer, VideoFrame
from .limits import MOST_VALUES

MessageType = type[betterproto2.Message]

PAYLOADS: Final[frozenset[tuple[MessageType, str]]] = frozenset(
    {
        (AudioBuffer, "samples"),
        (BinaryBuffer, "data"),
        (NumpyBuffer, "data"),
        (TensorBuffer, "data"),
        (VideoFrame, "pixel_data"),
    }
)
"""The bytes that arrays are made of: read as views of the received bytes, and never copied."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a class of messages.

    Attributes:
        name: of the attribute.
        number: its number on the wire.
        proto_type: one of betterproto2's TYPE_ constants.
        held: the class of messages, of enum members, or of a map's entries, that it holds; None
            for other scalars.
        entry_held: the class of messages that a map's entries hold; None for all other fields.
        is_repeated: whether its value is a list.
        has_presence: whether None means that it is not set, and its default is a value like others.
        oneof: the oneof that it is a member of; empty if of none.
        rivals: the names of that oneof's other members.
        is_payload: whether it is one of PAYLOADS.
        most_values: the most values of a list or map; None for all other fields, and for those
            without a limit of their own.
    """

    name: str
    number: int
    proto_type: str
    held: type[Any] | None
    entry_held: type[Any] | None
    is_repeated: bool
    has_presence: bool
    oneof: str
    rivals: tuple[str, ...]
    is_payload: bool
    most_values: int | None

    @property
    def held_type(self) -> type[Any]:
        """The class in `held`, of a field that holds no plain scalar."""
        assert self.held is not None, self.name
        return self.held


def fields_of(message_type: MessageType) -> list[Field]:
    """Return a class's fields, by number.

    Raises:
        TypeError: it is no class of betterproto2's, or has fields that are Python types in place of
            messages, such as google.protobuf.Timestamp: the contract has none.
    """
    if not issubclass(message_type, betterproto2.Message):
        raise TypeError(f"{message_type.__name__} is no message class of betterproto2")
    # The class's own reader and writer use it too.
    meta: betterproto2.ProtoClassMetadata = message_type._betterproto  # type: ignore[arg-type]
    found = [
        _field(message_type, name, field, meta) for name, field in meta.meta_by_field_name.items()
    ]
    return sorted(found, key=lambda field: field.number)


def _field(
    message_type: MessageType,
    name: str,
    field: betterproto2.FieldMetadata,
    meta: betterproto2.ProtoClassMetadata,
) -> Field:
    if field.unwrap is not None or (field.map_meta and field.map_meta[1].unwrap is not None):
        raise TypeError(f"{message_type.__name__}.{name} holds a Python type in place of a message")
    members = meta.oneof_field_by_group[field.group] if field.group else ()
    holds_a_class = field.proto_type in {
        betterproto2.TYPE_ENUM,
        betterproto2.TYPE_MAP,
        betterproto2.TYPE_MESSAGE,
    }
    held = meta.cls_by_field[name] if holds_a_class else None
    return Field(
        name=name,
        number=field.number,
        proto_type=field.proto_type,
        held=held,
        entry_held=_entry_held(held) if field.proto_type == betterproto2.TYPE_MAP else None,
        is_repeated=bool(field.repeated),
        has_presence=bool(field.optional or field.group),
        oneof=field.group or "",
        rivals=tuple(sorted(member.name for member in members if member.name != name)),
        is_payload=(message_type, name) in PAYLOADS,
        most_values=MOST_VALUES.get((message_type, name)),
    )


def _entry_held(entry: Any) -> type[Any] | None:
    """Return the class of the values of a map's entries, if those are messages."""
    _, value = fields_of(entry)
    return value.held if value.proto_type == betterproto2.TYPE_MESSAGE else None
