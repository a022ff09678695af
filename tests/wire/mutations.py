"""Bytes that are nearly a message: what strangers, and broken clients, send."""

import random
from collections.abc import Callable
from typing import Final

FRAGMENTS: Final = [
    b"\x00",  # a tag of field number 0
    b"\x0a\x00",  # field 1, empty
    b"\x12\x02\x0a\x00",  # field 2, a message with an empty field 1
    b"\x18\x01",  # field 3, which no map's entry has
    b"\x80\x00",  # 0, in more bytes than it needs
    b"\x8a\x00\x01a",  # field 1, its tag in more bytes than it needs
    b"\x2b\x08\x01\x2c",  # a group
    b"\x2b\x00\x00\x2c",  # a group with a field of number 0
    b"\x33\x34",  # an empty group
    b"\x2c",  # the end of a group
    b"\xd2\x0f\x03new",  # a field of a later version
    b"\xff" * 4 + b"\x0f",  # the largest tag
    b"\xff" * 9 + b"\x01",  # the largest number
    b"\xff" * 9 + b"\x7f",  # a number of more than 64 bits
    b"\xff" * 10 + b"\x01",  # more bytes than a number has
]


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Return `data` with some damage done to it; `other` is a message of the same type."""
    for mutate in chance.choices(_MUTATIONS, k=chance.choice([1, 1, 1, 2, 3])):
        data = mutate(data, other, chance)
    return data


def _place(data: bytes, chance: random.Random) -> int:
    return chance.randint(0, len(data))


def _flip(data: bytes, other: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    changed = bytes(byte ^ 1 << chance.randrange(8) for byte in data[at : at + 1])
    return data[:at] + changed + data[at + 1 :]


def _truncate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)]


def _remove(data: bytes, other: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    return data[:at] + data[at + chance.randint(1, 8) :]


def _insert(data: bytes, other: bytes, chance: random.Random) -> bytes:
    at = _place(data, chance)
    inserted = chance.choice([*FRAGMENTS, chance.randbytes(1), chance.randbytes(4)])
    return data[:at] + inserted + data[at:]


def _duplicate(data: bytes, other: bytes, chance: random.Random) -> bytes:
    begin, end = sorted([_place(data, chance), _place(data, chance)])
    at = _place(data, chance)
    return data[:at] + data[begin:end] + data[at:]


def _splice(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data[: _place(data, chance)] + other[_place(other, chance) :]


def _append(data: bytes, other: bytes, chance: random.Random) -> bytes:
    return data + other


_MUTATIONS: Final[list[Callable[[bytes, bytes, random.Random], bytes]]] = [
    _flip,
    _truncate,
    _remove,
    _insert,
    _duplicate,
    _splice,
    _append,
]
