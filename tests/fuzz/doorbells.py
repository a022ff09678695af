"""Doorbells, as a broken node process writes them: items, or an error that names the peer."""

import itertools
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from hypothesis import strategies as st

from actors import Binary
from runtime.links import Item, PeerError, TrioWaiting
from runtime.links.shared import (
    ChannelSpec,
    DomainSpec,
    ReaderSpec,
    SharedEnds,
    WriterSpec,
    open_doorbell,
    open_shared_ends,
)

_CAPACITY: Final = 8
_TAKEN: Final = struct.Struct("<QQ")

# What a peer does: send an item, take one, or write anything into the pipe.
_BELLS = st.one_of(
    st.sampled_from([b".", b"?", b"E", b"..?", b"E.", b"E0\n", b"E3\n"]), st.binary(max_size=600)
)
_COUNTS = st.sampled_from([0, 1, 7, 8, 9, 2**31, 2**63, 2**64 - 1]) | st.integers(0, 20)
_CREDITS = st.one_of(st.builds(_TAKEN.pack, _COUNTS, _COUNTS), st.binary(max_size=40))
_STEPS = st.one_of(
    st.just(("send", b"")),
    st.just(("take", b"")),
    st.tuples(st.just("bells"), _BELLS),
    st.tuples(st.just("credits"), _CREDITS),
)
EXAMPLES: st.SearchStrategy[list[tuple[str, bytes]]] = st.lists(_STEPS, max_size=30)


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Join a domain of our own, and return the check."""
    numbers = itertools.count()
    with tempfile.TemporaryDirectory() as root:
        domain = DomainSpec(f"mrfuzz{os.getpid():x}-", root)
        try:
            with open_shared_ends(domain, _ignore_fault) as ends:
                yield lambda steps: _Link(ends, f"link-{next(numbers)}").run(steps)
        finally:
            domain.remove()


class _Link:
    """One link with both ends in this process, and spare descriptors of both pipes."""

    def __init__(self, ends: SharedEnds, service: str) -> None:
        channel = ChannelSpec(service, readers=1, capacity=_CAPACITY)
        bell, ear = open_doorbell()
        self._bells = os.dup(bell.outgoing)
        self._credits = os.dup(ear.outgoing)
        ends.create_channel(channel)
        spec = WriterSpec(channel, ("reader",), 2**20)
        self._writer = ends.open_writer(spec, [bell], TrioWaiting())
        self._reader = ends.open_reader(ReaderSpec(channel, "writer", 2**20), ear)
        self._sent = 0
        self._received = 0

    def run(self, steps: list[tuple[str, bytes]]) -> None:
        """Take the steps until an end finds its peer broken."""
        try:
            with suppress(PeerError):
                for what, data in steps:
                    self._step(what, data)
                self._read_all()
        finally:
            self._reader.close()
            self._writer.close()
            os.close(self._bells)
            os.close(self._credits)

    def _step(self, what: str, data: bytes) -> None:
        if what == "send":
            if self._writer.try_send(Item(Binary(b"%d" % self._sent), self._sent, "writer", 0, 0)):
                self._sent += 1
        elif what == "take":
            self._take()
        else:
            with suppress(BlockingIOError):
                os.write(self._bells if what == "bells" else self._credits, data)

    def _take(self) -> bool:
        self._reader.before_wait()
        self._reader.after_wait()
        item = self._reader.take()
        if item is None:
            return False
        # Each item once and in order, whatever the doorbells say.
        assert item.sequence == self._received < self._sent
        assert bytes(item.data.data) == b"%d" % self._received  # type: ignore[attr-defined]
        self._received += 1
        return True

    def _read_all(self) -> None:
        while self._take():
            pass
        assert self._received == self._sent


def _ignore_fault() -> None:
    """Do nothing: this machine has enough shared memory."""
