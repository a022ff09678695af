"""Bytes that are nearly a message: the codec and the official protobuf runtime decide alike.

Both accept, and read equal values, or both refuse.
"""

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from hypothesis import strategies as st

import runtime.wire
from runtime.wire.codec import Codec
from tests.service.messages import message_class
from tests.wire.agreement import assert_same_decision
from tests.wire.contract import MESSAGES
from tests.wire.every_type import EveryType, official_classes
from tests.wire.mutations import FRAGMENTS, mutated
from tests.wire.trees import Kind, kinds

_CODEC: Final = Codec()
_EVERY_TYPE: Final = "EveryType"
_PER_EXAMPLE: Final = 50

EXAMPLES: st.SearchStrategy[tuple[str, int]] = st.tuples(
    st.sampled_from([*MESSAGES, _EVERY_TYPE]), st.integers(0, 2**32)
)


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check, with protobuf's own classes."""
    every_type = official_classes()[_EVERY_TYPE]

    def check(example: tuple[str, int]) -> None:
        name, seed = example
        chance = random.Random(seed)
        if name == _EVERY_TYPE:
            theirs, ours = every_type, EveryType
        else:
            theirs, ours = message_class(name), getattr(runtime.wire, name)
        for _ in range(_PER_EXAMPLE):
            data = message_bytes(theirs.DESCRIPTOR, chance)
            if chance.random() < 0.5:
                data = mutated(data, message_bytes(theirs.DESCRIPTOR, chance), chance)
            assert_same_decision(_CODEC, data, theirs, ours)

    yield check


def message_bytes(descriptor: Any, chance: random.Random, depth: int = 0) -> bytes:
    """Return random fields of a message, some of another wire type or unknown."""
    found = kinds(descriptor)
    parts: list[bytes] = []
    for _ in range(chance.choice([0, 1, 2, 3, 6])):
        if not found or chance.random() < 0.1:
            parts.append(chance.choice(FRAGMENTS))
        elif chance.random() < 0.1:
            parts.append(_tagged(chance.choice(found), chance.randrange(6), chance, depth))
        else:
            parts.append(_field(chance.choice(found), chance, depth))
    return b"".join(parts)


def _field(kind: Kind, chance: random.Random, depth: int) -> bytes:
    return _tagged(kind, _wire_type(kind, chance), chance, depth)


def _wire_type(kind: Kind, chance: random.Random) -> int:
    if kind.message is not None or kind.scalar in ("string", "bytes"):
        return 2
    if kind.is_list and chance.random() < 0.5:
        return 2
    if kind.scalar in ("double", "fixed64", "sfixed64"):
        return 1
    return 5 if kind.scalar in ("float", "fixed32", "sfixed32") else 0


def _tagged(kind: Kind, wire_type: int, chance: random.Random, depth: int) -> bytes:
    tag = _varint(kind.number << 3 | wire_type, chance)
    if wire_type == 0:
        return tag + _varint(_number(chance), chance)
    if wire_type == 1:
        return tag + struct.pack("<Q", _number(chance))
    if wire_type == 5:
        return tag + struct.pack("<I", _number(chance) % 2**32)
    if wire_type == 2:
        content = _content(kind, chance, depth)
        return tag + _varint(len(content), chance) + content
    return tag


def _content(kind: Kind, chance: random.Random, depth: int) -> bytes:
    if kind.message is not None and depth < 5:
        return message_bytes(kind.message, chance, depth + 1)
    if kind.is_list:
        return b"".join(_varint(_number(chance), chance) for _ in range(chance.randrange(5)))
    return chance.choice([b"", b"a", "水".encode(), b"\xff", b"\xed\xa0\x80", chance.randbytes(8)])


def _number(chance: random.Random) -> int:
    return chance.choice([0, 1, 127, 128, 2**31, 2**32 - 1, 2**63, chance.getrandbits(64)])


def _varint(value: int, chance: random.Random) -> bytes:
    """Return a number, sometimes in more bytes than it needs."""
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    if chance.random() < 0.05:
        for _ in range(chance.randrange(1, 6)):
            encoded[-1] |= 0x80
            encoded.append(0)
    return bytes(encoded)
