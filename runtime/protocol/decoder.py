"""Strict reading of messages: what the official runtime accepts and refuses."""

from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import betterproto2

from .errors import DecodeError, MalformedError
from .scalars import Reader, reader, wire_type
from .wire import LENGTH_DELIMITED, MAX_DEPTH, read_length, read_tag, skip_field

M = TypeVar("M", bound=betterproto2.Message)

Values = dict[str, Any]

PAYLOADS: Final = frozenset(
    {
        ("AudioBuffer", "samples"),
        ("VideoFrame", "pixel_data"),
        ("TensorBuffer", "data"),
        ("NumpyBuffer", "data"),
        ("BinaryBuffer", "data"),
    }
)
"""The fields that hold a view of what was received, by class and name: arrays are made of them."""

FieldReader = Callable[[Values, bytes, int, int, int], int]
"""Reads one field into the values: takes data, where it begins, the message's end, its depth."""


class Table:
    """How to read one class of messages.

    Attributes:
        name: what errors call the class.
        defaults: what a new message holds, but for its containers.
        containers: the fields that hold a list or a dict of their own.
        readers: by tag, wire type and all; what is not in it is an unknown field.
        names: of the fields, by tag.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.defaults: Values = {}
        self.containers: list[tuple[str, type[Any]]] = []
        self.readers: dict[int, FieldReader] = {}
        self.names: dict[int, str] = {}

    def fresh(self) -> Values:
        """Return the values of a new message."""
        values = self.defaults.copy()
        for name, kind in self.containers:
            values[name] = kind()
        return values

    def merge(self, values: Values, data: bytes, position: int, end: int, depth: int) -> None:
        """Read `data` from `position` to `end` into `values`.

        Raises:
            DecodeError: it is no message of this class.
        """
        if depth < 0:
            raise MalformedError(f"more than {MAX_DEPTH} levels of nesting")
        unknown = []
        start, tag = position, 0
        try:
            while position < end:
                start = position
                tag, position = read_tag(data, position)
                read = self.readers.get(tag)
                if read is not None:
                    position = read(values, data, position, end, depth)
                else:
                    position = skip_field(data, position, end, tag, depth)
                    unknown.append(data[start:position])
            if position > end:
                raise MalformedError("the data ends within it")
        except MalformedError as error:
            raise DecodeError(self.name, self.names.get(tag, ""), start, str(error)) from None
        except IndexError:
            reason = "the data ends within it"
            raise DecodeError(self.name, self.names.get(tag, ""), start, reason) from None
        except UnicodeDecodeError as error:
            reason = f"text that is not UTF-8: {error.reason}"
            raise DecodeError(self.name, self.names[tag], start, reason) from None
        if unknown:
            values["_unknown_fields"] += b"".join(unknown)


class Decoder:
    """Makes messages of bytes, by a table for each class, built when first needed."""

    def __init__(self) -> None:
        self._tables: dict[type[betterproto2.Message], Table] = {}

    def decode(self, data: bytes, message_type: type[M]) -> M:
        """Return the message; see `Codec.decode`."""
        table = self._tables.get(message_type) or self._build(message_type)
        message = message_type.__new__(message_type)
        message.__dict__ = table.fresh()
        table.merge(message.__dict__, data, 0, len(data), MAX_DEPTH)
        return message

    def _build(self, message_type: type[betterproto2.Message]) -> Table:
        table = self._tables[message_type] = Table(message_type.__name__)
        meta = _meta_of(message_type)
        table.defaults["_unknown_fields"] = b""
        for name, field in meta.meta_by_field_name.items():
            default = meta.default_gen[name]()
            if isinstance(default, list | dict):
                table.containers.append((name, type(default)))
            table.defaults[name] = default
            self._add_field(table, message_type, name, field)
        return table

    def _add_field(
        self,
        table: Table,
        message_type: type[betterproto2.Message],
        name: str,
        field: betterproto2.FieldMetadata,
    ) -> None:
        meta = _meta_of(message_type)
        tag = field.number << 3 | wire_type(field.proto_type)
        others: tuple[str, ...] = ()
        if field.group:
            members = meta.oneof_field_by_group[field.group]
            others = tuple(member.name for member in members if member.name != name)
        held = meta.cls_by_field[name]
        if field.map_meta:
            add = self._map_reader(table, name, field, held)
        elif field.proto_type == betterproto2.TYPE_MESSAGE:
            make, merge = self._message_parts(held)
            add = _message_reader(name, others, make, merge, bool(field.repeated))
        elif (message_type.__name__, name) in PAYLOADS:
            add = _payload_reader(name)
        else:
            enum = held if field.proto_type == betterproto2.TYPE_ENUM else None
            read = reader(field.proto_type, enum)
            add = _list_reader(name, read) if field.repeated else _value_reader(name, others, read)
            if field.repeated and tag & 7 != LENGTH_DELIMITED:
                packed = field.number << 3 | LENGTH_DELIMITED
                table.readers[packed] = _packed_reader(name, read)
                table.names[packed] = name
        table.readers[tag] = add
        table.names[tag] = name

    def _message_parts(self, held: type[betterproto2.Message]) -> Any:
        table = self._tables.get(held) or self._build(held)
        new = held.__new__

        def make() -> Any:
            message = new(held)
            message.__dict__ = table.fresh()
            return message

        return make, table.merge

    def _map_reader(
        self, owner: Table, name: str, field: betterproto2.FieldMetadata, entry: type[Any]
    ) -> FieldReader:
        table = self._tables.get(entry) or self._build(entry)
        table.name = f"{owner.name}.{name}"
        assert field.map_meta is not None
        make: Callable[[], Any] | None = None
        if field.map_meta[1].proto_type == betterproto2.TYPE_MESSAGE:
            make, _ = self._message_parts(_meta_of(entry).cls_by_field["value"])

        def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
            position, stop = _extent(data, position, end)
            found = table.fresh()
            table.merge(found, data, position, stop, depth - 1)
            value = found["value"]
            if value is None and make is not None:
                value = make()
            values[name][found["key"]] = value
            return stop

        return read


def _meta_of(message_type: type[betterproto2.Message]) -> Any:
    # The library types this attribute of its classes for no class in particular.
    return cast(Any, message_type)._betterproto


def _extent(data: bytes, position: int, end: int) -> tuple[int, int]:
    length, position = read_length(data, position)
    stop = position + length
    if stop > end:
        raise MalformedError("the data ends within it")
    return position, stop


def _message_reader(
    name: str,
    others: tuple[str, ...],
    make: Callable[[], Any],
    merge: Callable[[Values, bytes, int, int, int], None],
    repeated: bool,
) -> FieldReader:
    def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
        position, stop = _extent(data, position, end)
        message = None if repeated else values[name]
        if message is None:
            message = make()
            for other in others:
                values[other] = None
            if repeated:
                values[name].append(message)
            else:
                values[name] = message
        merge(message.__dict__, data, position, stop, depth - 1)
        return stop

    return read


def _payload_reader(name: str) -> FieldReader:
    def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
        position, stop = _extent(data, position, end)
        values[name] = memoryview(data)[position:stop]
        return stop

    return read


def _value_reader(name: str, others: tuple[str, ...], read_one: Reader) -> FieldReader:
    def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
        value, position = read_one(data, position, end)
        for other in others:
            values[other] = None
        values[name] = value
        return position

    return read


def _list_reader(name: str, read_one: Reader) -> FieldReader:
    def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
        value, position = read_one(data, position, end)
        values[name].append(value)
        return position

    return read


def _packed_reader(name: str, read_one: Reader) -> FieldReader:
    def read(values: Values, data: bytes, position: int, end: int, depth: int) -> int:
        position, stop = _extent(data, position, end)
        add = values[name].append
        while position < stop:
            value, position = read_one(data, position, stop)
            add(value)
        if position > stop:
            raise MalformedError("the data ends within it")
        return stop

    return read
