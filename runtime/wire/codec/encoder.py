"""Strict writing of messages: what the official runtime writes, byte for byte."""

from collections.abc import Callable
from functools import partial
from typing import Any

import betterproto2

from .errors import EncodeError, UnfitError
from .fields import Field, MessageType, fields_of
from .part_writers import (
    Buffer,
    Part,
    bytes_part,
    list_part,
    map_part,
    message_part,
    number_part,
    packed_part,
    scalar_part,
    text_part,
)
from .scalar_writers import PLAIN_VARINTS, RANGES, scalar_writer
from .wire_format import LENGTH_DELIMITED, MAX_LENGTH, encode_varint, wire_type


class Encoder:
    """Makes bytes of messages, by a writer for each class, built when first needed."""

    def __init__(self) -> None:
        self._writers: dict[MessageType, MessageWriter] = {}

    def parts(self, message: betterproto2.Message) -> tuple[list[Buffer], int]:
        """Return buffers that are the message when joined, and their length together.

        Raises:
            EncodeError: a field holds what it cannot hold, or the message is 2 GiB or longer.
        """
        parts: list[Buffer] = []
        writer = self._writers.get(type(message)) or self._writer(type(message))
        length = writer.write(message, parts)
        if length > MAX_LENGTH:
            raise EncodeError(type(message).__name__, "", f"{length} bytes; at most {MAX_LENGTH}")
        return parts, length

    def prepare(self, message_type: MessageType) -> None:
        """Get ready for messages of a class, and of all classes that it holds."""
        self._writer(message_type)
        ready: set[MessageType] = set()
        while waiting := self._writers.keys() - ready:
            for found in waiting:
                self._writers[found].prepare()  # which may make others known
            ready |= waiting

    def _writer(self, message_type: MessageType) -> "MessageWriter":
        if message_type not in self._writers:
            rows = partial(self._rows, message_type)
            self._writers[message_type] = MessageWriter(message_type.__name__, rows)
        return self._writers[message_type]

    def _rows(self, message_type: MessageType) -> "Rows":
        fields = fields_of(message_type)
        return [(field.name, (field.oneof, self._part(field))) for field in fields]

    def _part(self, field: Field) -> Part:
        if field.proto_type == betterproto2.TYPE_MAP:
            key, value = fields_of(field.held_type)
            return map_part(_tag(field, LENGTH_DELIMITED), self._one(key), self._one(value))
        if not field.is_repeated:
            return self._one(field, skips_default=not field.has_presence)
        if wire_type(field.proto_type) == LENGTH_DELIMITED:
            return list_part(self._one(field))
        return packed_part(_tag(field, LENGTH_DELIMITED), scalar_writer(field.proto_type))

    def _one(self, field: Field, *, skips_default: bool = False) -> Part:
        tag = _tag(field, wire_type(field.proto_type))
        if field.proto_type == betterproto2.TYPE_MESSAGE:
            held = field.held_type
            return message_part(tag, held, self._writer(held).write)
        if field.proto_type in PLAIN_VARINTS:
            return number_part(tag, *RANGES[field.proto_type], skips_default=skips_default)
        if field.proto_type == betterproto2.TYPE_STRING:
            return text_part(tag, skips_default=skips_default)
        if field.proto_type == betterproto2.TYPE_BYTES:
            return bytes_part(tag, skips_default=skips_default)
        writer = scalar_writer(field.proto_type)
        zero = writer(False if field.proto_type == betterproto2.TYPE_BOOL else 0)
        return scalar_part(tag, writer, zero if skips_default else None)


Rows = list[tuple[str, tuple[str, Part]]]
"""Per field its name; its oneof, if it is a member of one, and what writes it."""


class MessageWriter:
    """Writes messages of one class.

    Args:
        name: what errors call the class.
        make_rows: describes its fields; called when first needed.
    """

    def __init__(self, name: str, make_rows: Callable[[], Rows]) -> None:
        self._name = name
        self._make_rows = make_rows
        self._rows: Rows | None = None

    def prepare(self) -> Rows:
        """Get ready; return the rows."""
        if self._rows is None:
            self._rows = self._make_rows()
        return self._rows

    def write(self, message: Any, parts: list[Buffer]) -> int:
        """Append the buffers of a message's fields to `parts`; return their length together.

        Raises:
            EncodeError: a field holds what it cannot hold.
        """
        rows = self._rows
        if rows is None:
            rows = self.prepare()
        values = message.__dict__
        length = 0
        name = ""
        oneofs: tuple[str, ...] = ()
        try:
            for name, row in rows:
                value = values[name]
                if value is None:
                    continue
                oneof, write = row
                if oneof:
                    if oneof in oneofs:
                        raise UnfitError(f"another member of the oneof {oneof} is set too")
                    oneofs += (oneof,)
                length += write(value, parts)
        except UnfitError as error:
            raise EncodeError(self._name, name, str(error)) from None
        unknown = values["_unknown_fields"]
        if unknown:
            parts.append(unknown)
            length += len(unknown)
        return length


def _tag(field: Field, kind: int) -> bytes:
    return encode_varint(field.number << 3 | kind)
