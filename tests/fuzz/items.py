"""Items in shared memory, as a broken node process writes them: an item, or a DataError."""

import random
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from hypothesis import strategies as st

from actors import Data, DataError
from runtime.links import Item
from runtime.links.shared import item_bytes, item_of_bytes
from runtime.wire import DataBuffer
from runtime.wire.codec import Codec
from runtime.wire.conversion import buffer_of
from tests.links.test_data_kinds import ITEMS

_HEADER_BYTES: Final = 64
_INTERESTING: Final = (0, 1, 63, 64, 65, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63, 2**64 - 1)
_PACKED: Final = [item_bytes(Item(data, 1, "node", 2, 3)) for data in ITEMS]
_CODEC: Final = Codec(DataBuffer)

EXAMPLES: st.SearchStrategy[tuple[int, int]] = st.tuples(
    st.integers(0, len(_PACKED) - 1), st.integers(0, 2**32)
)


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check; nothing needs to be open."""
    yield check


def check(example: tuple[int, int]) -> None:
    """Damage an item in 30 ways, and read each."""
    which, seed = example
    chance = random.Random(seed)
    for _ in range(30):
        read(damaged(bytes(_PACKED[which]), chance))


def read(memory: bytes) -> None:
    """Read an item; what is accepted must be fit for links and for the wire."""
    try:
        item = item_of_bytes(memory, "node")
    except DataError:
        return
    assert isinstance(item.data, Data)
    assert len(item_bytes(item)) <= 2 * len(memory) + 4096
    if not hasattr(item.data, "members"):
        _CODEC.encode(buffer_of(item.data))


def damaged(memory: bytes, chance: random.Random) -> bytes:
    """Return the bytes of an item with some changed; a header has numbers of 1, 4 and 8 bytes."""
    changed = bytearray(memory)
    for _ in range(chance.choice([1, 1, 2, 3])):
        how = chance.randrange(5)
        if how == 0 and len(changed) >= _HEADER_BYTES:
            form = chance.choice(["<B", "<I", "<Q"])
            size = struct.calcsize(form)
            value = chance.choice([*_INTERESTING, chance.getrandbits(64)]) % 256**size
            struct.pack_into(form, changed, chance.randrange(0, _HEADER_BYTES - size + 1), value)
        elif how == 1 and changed:
            changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
        elif how == 2 and len(changed) > _HEADER_BYTES:
            # Attributes are at the end.
            changed[chance.randrange(max(_HEADER_BYTES, len(changed) - 60), len(changed))] = (
                chance.randrange(256)
            )
        elif how == 3:
            del changed[chance.randint(0, len(changed)) :]
        else:
            at = chance.randint(0, len(changed))
            changed[at:at] = chance.randbytes(chance.choice([1, 4, 64]))
    return bytes(changed)
