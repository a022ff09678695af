"""Memory that items refer to stays as it is until the last reader lets go, whoever dies."""

import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import iceoryx2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Array, Binary
from runtime.links import Item, TrioWaiting
from runtime.links.shared import (
    ChannelSpec,
    DomainSpec,
    DoorbellEnd,
    ReaderSpec,
    SharedEnds,
    WriterSpec,
    open_doorbell,
    open_shared_ends,
)
from runtime.links.shared.references import LEAST_BYTES

from .forwarder import ForwarderSpec

CAPACITY_BYTES = 16 * LEAST_BYTES
ROOT = Path(__file__).parents[2]


@contextmanager
def domain() -> Iterator[DomainSpec]:
    with tempfile.TemporaryDirectory() as folder:
        spec = DomainSpec(f"mr{os.getpid():x}-lent{os.urandom(4).hex()}-", f"{folder}/root")
        spec.create()
        try:
            yield spec
        finally:
            gc.collect()
            spec.remove()


class Link:
    """One producer's link to its readers."""

    def __init__(
        self, name: str, readers: int, steps: int, *, capacity: int = 8, drops: bool = False
    ) -> None:
        channel = ChannelSpec(name, readers, capacity, steps, drops)
        peers = tuple(f"{name}{n}" for n in range(readers))
        self.writer_spec = WriterSpec(channel, peers, CAPACITY_BYTES)
        self.reader_spec = ReaderSpec(channel, name, CAPACITY_BYTES)
        self.bells, self.ears = map(list, zip(*(open_doorbell() for _ in peers), strict=True))

    def open_writer(self, shared: SharedEnds) -> Any:
        return shared.open_writer(self.writer_spec, self.bells, TrioWaiting())

    def open_readers(self, shared: SharedEnds) -> list[Any]:
        return [shared.open_reader(self.reader_spec, ear) for ear in self.ears]


@contextmanager
def forwarding(
    spec: DomainSpec, incoming: Link, outgoing: Link
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a forwarder between two links."""
    ear: DoorbellEnd = incoming.ears[0]
    bell: DoorbellEnd = outgoing.bells[0]
    told = ForwarderSpec(
        spec,
        incoming.reader_spec,
        ear.descriptors(),
        outgoing.writer_spec,
        bell.descriptors(),
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.links.forwarder", msgspec.json.encode(told).decode()],
        cwd=ROOT,
        pass_fds=[*ear.descriptors(), *bell.descriptors()],
        stdout=subprocess.PIPE,
    )
    with process:
        ear.close()
        bell.close()
        try:
            yield process
        finally:
            process.kill()


def test_what_a_killed_process_has_lent_stays_until_the_reader_lets_go() -> None:
    with domain() as spec, open_shared_ends(spec, lambda: None) as shared:
        first, second = Link("first", 1, 1), Link("second", 1, 0)
        for link in (first, second):
            shared.create_channel(link.writer_spec.channel)
        writer = first.open_writer(shared)
        (reader,) = second.open_readers(shared)
        sent = [np.frombuffer(os.urandom(2 * LEAST_BYTES), np.uint8) for _ in range(3)]
        with forwarding(spec, first, second) as process:
            assert process.stdout is not None
            process.stdout.readline()  # it is ready
            for each in sent:
                assert writer.try_send(Item(Binary(each)))
                process.stdout.readline()
            views = [reader.take().data.data for _ in sent]
            process.send_signal(signal.SIGKILL)
            process.wait()
        overwrite_free_slots(writer)
        for view, each in zip(views, sent, strict=True):
            assert (view == each[1::2]).all()
        del view, views
        reader.close()
        writer.close()
        del reader, writer, each


def overwrite_free_slots(writer: Any) -> None:
    """Write into every slot that the producer could use next."""
    slots = []
    with suppress(iceoryx2.LoanError):
        while True:
            slots.append(writer._publisher.loan(2 * LEAST_BYTES))
            slots[-1].memory[:] = bytes(len(slots[-1].memory))
    assert slots


@dataclass
class Node:
    """One node of a model: what it has received, and should have."""

    reader: Any
    writer: Any = None
    expected: list[deque[int]] = field(default_factory=list)
    kept: list[tuple[int, Array]] = field(default_factory=list)
    coming: deque[int] = field(default_factory=deque)


VIEWS: list[Callable[[Array], Array]] = [
    lambda array: array,
    lambda array: array,
    lambda array: array[: len(array) * 3 // 4],
    lambda array: array[::2],
    lambda array: array[::-1],
]
SIZES = [100, LEAST_BYTES, 2 * LEAST_BYTES + 64, 5 * LEAST_BYTES]


TREE: Final = {"s": "ab", "a": "cd", "b": "e", "c": "f"}
STEPS: Final = {"s": 3, "a": 2, "b": 1, "c": 1}


class Model:
    """A tree of links in one process: s > (a, b), a > (c, d), b > e, c > f; all of it checked.

    Which node does what, and when, is drawn. A node that keeps its items is a slow one.
    """

    def __init__(self, spec: DomainSpec, shared: SharedEnds, *, drops: bool) -> None:
        self.drops = drops
        self.contents: dict[int, Array] = {}
        self.nodes: dict[str, Node] = {"s": Node(None)}
        for name, readers in TREE.items():
            link = Link(name, len(readers), STEPS[name], drops=drops)
            shared.create_channel(link.writer_spec.channel)
            self.nodes[name].writer = link.open_writer(shared)
            for reader, end in zip(readers, link.open_readers(shared), strict=True):
                self.nodes[reader] = Node(end)

    def send(self, node: str, array: Array) -> None:
        """Send an array, if its link has room."""
        number = len(self.contents)
        expected = array.copy()
        if self.nodes[node].writer.try_send(Item(Binary(array), number)):
            self.contents[number] = expected
            for reader in TREE[node]:
                self.nodes[reader].coming.append(number)

    def take(self, name: str) -> None:
        """Take what is there next, and compare."""
        node = self.nodes[name]
        item = node.reader.take()
        if item is None:
            # What rang before is answered before a wait.
            node.reader.after_wait()
            item = node.reader.take()
        if item is None:
            assert not node.coming
            node.reader.before_wait()
            return
        if self.drops:
            while node.coming[0] != item.sequence:
                node.coming.popleft()
        assert node.coming.popleft() == item.sequence
        node.kept.append((item.sequence, item.data.data))
        self.check(node)

    def check(self, node: Node) -> None:
        for number, array in node.kept:
            assert not array.flags.writeable
            assert np.array_equal(array, self.contents[number])

    def close(self) -> None:
        for node in self.nodes.values():
            self.check(node)
            node.kept.clear()
            if node.reader is not None:
                node.reader.close()
            if node.writer is not None:
                node.writer.close()
        self.nodes.clear()


STEP = st.one_of(
    st.tuples(st.just("send"), st.sampled_from(SIZES), st.integers(0, 255)),
    st.tuples(st.just("take"), st.sampled_from("abcdef"), st.integers(1, 6)),
    st.tuples(st.just("take"), st.sampled_from("abcdef"), st.integers(1, 6)),
    st.tuples(st.just("forward"), st.sampled_from("abc"), st.integers(0, 10**6)),
    st.tuples(st.just("forward"), st.sampled_from("abc"), st.integers(0, 10**6)),
    st.tuples(st.just("drop"), st.sampled_from("abcdef"), st.integers(0, 10**6)),
)


@pytest.mark.parametrize("drops", [False, True], ids=["waiting", "dropping"])
@settings(max_examples=30, deadline=None)
@given(st.lists(STEP, min_size=20, max_size=80))
def test_whatever_readers_do_every_array_stays_as_it_was_sent(
    drops: bool, steps: list[tuple[str, Any, int]]
) -> None:
    with domain() as spec, open_shared_ends(spec, lambda: None) as shared, ExitStack() as exits:
        model = Model(spec, shared, drops=drops)
        exits.callback(model.close)
        for what, which, number in steps:
            node = model.nodes.get(which) if isinstance(which, str) else None
            if what == "send":
                pattern = np.arange(which, dtype=np.uint32).astype(np.uint8) ^ np.uint8(number)
                model.send("s", pattern)
            elif what == "take":
                for _ in range(number):
                    model.take(which)
            elif node is not None and node.kept:
                index = number % len(node.kept)
                if what == "drop":
                    del node.kept[index]
                else:
                    view = VIEWS[number % len(VIEWS)]
                    model.send(which, view(node.kept[index][1]))
