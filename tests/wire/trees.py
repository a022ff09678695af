"""Random messages as plain values, and how to make either library's message of them and back.

A tree is a dict from the contract's field names to values; what is not set is not in it.
"""

import keyword
import struct
from typing import Any

from hypothesis import strategies as st

Tree = dict[str, Any]

ENCODED_FLOAT = {"float": "<f", "double": "<d"}


def integers(low: int, high: int) -> st.SearchStrategy[int]:
    return st.sampled_from([low, high, 0, 1, 127, 128, 2**31 - 1]) | st.integers(low, high)


SIGNED = {
    32: integers(-(2**31), 2**31 - 1),
    64: integers(-(2**63), 2**63 - 1),
}
UNSIGNED = {
    32: integers(0, 2**32 - 1),
    64: integers(0, 2**64 - 1),
}
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    **{f"{name}{bits}": SIGNED[bits] for name in ("int", "sint", "sfixed") for bits in SIGNED},
    **{f"{name}{bits}": UNSIGNED[bits] for name in ("uint", "fixed") for bits in UNSIGNED},
    "bool": st.booleans(),
    "string": st.text(max_size=5) | st.sampled_from(["", "\0", "日本", "🎧", "e\u0301"]),
    "bytes": st.binary(max_size=6) | st.just(bytes(range(256))),
    # Adding 0.0 makes -0.0 positive: test_disagreements.py has that one.
    "float": st.floats(width=32).map(lambda number: number + 0.0),
    "double": st.floats().map(lambda number: number + 0.0),
}
"""By the contract's name of the type."""


class Kind:
    """What a field holds, read off protobuf's descriptor of it."""

    def __init__(self, field: Any) -> None:
        self.name: str = field.name
        self.number: int = field.number
        self.ours = f"{field.name}_" if keyword.iskeyword(field.name) else field.name
        self.message = field.message_type
        self.enum = field.enum_type
        self.is_map = self.message is not None and self.message.GetOptions().map_entry
        self.is_list = field.is_repeated and not self.is_map
        self.has_presence = field.has_presence
        types = {getattr(field, f"TYPE_{scalar.upper()}"): scalar for scalar in SCALARS}
        self.scalar = types.get(field.type, "")
        real = field.containing_oneof
        self.oneof = real.name if real is not None and not real.name.startswith("_") else ""

    def entry(self) -> tuple["Kind", "Kind"]:
        key, value = self.message.fields
        return Kind(key), Kind(value)


def kinds(descriptor: Any) -> list[Kind]:
    return [Kind(field) for field in descriptor.fields]


def trees(descriptor: Any) -> st.SearchStrategy[Tree]:
    """Any message of the type, each field set or not, of a oneof at most one member."""
    alone = {kind.name: field_values(kind) for kind in kinds(descriptor) if not kind.oneof}
    together: dict[str, list[Kind]] = {}
    for kind in kinds(descriptor):
        if kind.oneof:
            together.setdefault(kind.oneof, []).append(kind)
    choices: list[st.SearchStrategy[Tree]] = [
        st.just({}) | st.one_of([st.fixed_dictionaries({k.name: field_values(k)}) for k in members])
        for members in together.values()
    ]
    parts = st.tuples(st.fixed_dictionaries({}, optional=alone), *choices)
    return parts.map(lambda found: {name: part[name] for part in found for name in part})


def field_values(kind: Kind) -> st.SearchStrategy[Any]:
    if kind.is_map:
        key, value = kind.entry()
        return st.dictionaries(one_value(key), one_value(value), max_size=2)
    if kind.is_list:
        return st.lists(one_value(kind), max_size=3)
    return one_value(kind)


def one_value(kind: Kind) -> st.SearchStrategy[Any]:
    if kind.message is not None:
        return st.deferred(lambda: trees(kind.message))
    if kind.enum is not None:
        # A newer client may send values that this contract does not have.
        known = [value.number for value in kind.enum.values]
        return st.sampled_from([*known, 99, 2**31 - 1, -1])
    return SCALARS[kind.scalar]


def make_official(message: Any, tree: Tree) -> Any:
    """Fill protobuf's `message`."""
    for kind in kinds(message.DESCRIPTOR):
        if kind.name not in tree:
            continue
        value, field = tree[kind.name], getattr(message, kind.name)
        if kind.is_map and kind.entry()[1].message is not None:
            for key, part in value.items():
                make_official(field[key], part)
        elif kind.is_map:
            field.update(value)
        elif kind.is_list and kind.message is not None:
            for part in value:
                make_official(field.add(), part)
        elif kind.is_list:
            field.extend(value)
        elif kind.message is not None:
            field.SetInParent()
            make_official(field, value)
        else:
            setattr(message, kind.name, value)
    return message


def make_ours(descriptor: Any, our_class: Any, tree: Tree) -> Any:
    """Construct betterproto2's message, as a user would."""
    classes = our_class._betterproto.cls_by_field

    def one(kind: Kind, held: Any, value: Any) -> Any:
        if kind.message is not None:
            return make_ours(kind.message, held, value)
        return held(value) if kind.enum is not None else value

    arguments: dict[str, Any] = {}
    for kind in kinds(descriptor):
        if kind.name not in tree:
            continue
        value, held = tree[kind.name], classes[kind.ours]
        if kind.is_map:
            inner, held = kind.entry()[1], classes[f"{kind.ours}.value"]
            arguments[kind.ours] = {key: one(inner, held, part) for key, part in value.items()}
        elif kind.is_list:
            arguments[kind.ours] = [one(kind, held, part) for part in value]
        else:
            arguments[kind.ours] = one(kind, held, value)
    return our_class(**arguments)


def read_official(message: Any) -> Tree:
    """Read every field of protobuf's `message`; floats as their bytes, None for what is not set."""

    def is_set(kind: Kind) -> bool:
        return not kind.has_presence or message.HasField(kind.name)

    def get(kind: Kind) -> Any:
        return getattr(message, kind.name) if is_set(kind) else None

    return {kind.name: _read(kind, get(kind), read_official) for kind in kinds(message.DESCRIPTOR)}


def read_ours(descriptor: Any, message: Any) -> Tree:
    """Read every field of betterproto2's `message` in the same way."""
    found = {}
    for kind in kinds(descriptor):
        inner = kind.entry()[1].message if kind.is_map else kind.message
        found[kind.name] = _read(
            kind,
            getattr(message, kind.ours),
            lambda part, inner=inner: read_ours(inner, part),
        )
    return found


def _read(kind: Kind, value: Any, read: Any) -> Any:
    if value is None:
        return None
    if kind.is_map:
        inner = kind.entry()[1]
        return {key: _one(inner, part, read) for key, part in value.items()}
    if kind.is_list:
        return [_one(kind, part, read) for part in value]
    return _one(kind, value, read)


def _one(kind: Kind, value: Any, read: Any) -> Any:
    if kind.message is not None:
        return read(value)
    if kind.scalar in ENCODED_FLOAT:
        return struct.pack(ENCODED_FLOAT[kind.scalar], value)
    return int(value) if kind.enum is not None else value
