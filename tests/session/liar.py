"""An actor whose node process writes what no intact one does, into shared memory or its sockets.

It replaces functions of the runtime in its own process, as code that has taken a process over can:
so it looks modules up that no test of another room may import.
Natively it only passes items on.
"""

import ctypes
import os
import struct
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any, Final
from unittest import mock

import msgspec

from actors import Actor, Data, Field, Params

_PAYLOAD_BYTES: Final = 32
_NUMBER: Final = 48
# Where iceoryx2 0.10 keeps the number of elements of a slot, before its payload.
_ELEMENTS_BEFORE: Final = 32
_ENTERED: Final = 3
"""Items that a liar passes on before it lies."""


class LiarParams(Params):
    """How it lies."""

    how: str = Field("", description="the name of a function of this module, without `_lie_`")


class Liar(Actor[LiarParams]):
    """Pass every item on, and lie about it."""

    def initialize(self) -> None:
        if any("forkserver_main" in argument for argument in sys.orig_argv):
            _LIES[self.params.how]()

    def process(self, item: Data) -> Data:
        return item


def _replace(owner: object, name: str, function: Callable[..., Any]) -> None:
    mock.patch.object(owner, name, function).start()  # until the process ends


def _after_write(change: Callable[[memoryview], None]) -> None:
    """Change what the writer has written, from the fourth item on."""
    writer = import_module("runtime.links.shared.writer")

    write = writer.write

    def lying(memory: memoryview, *args: Any, number: int = 0, **kwargs: Any) -> None:
        write(memory, *args, number=number, **kwargs)
        if number >= _ENTERED:
            change(memory)

    _replace(writer, "write", lying)


def _kind() -> None:
    def change(memory: memoryview) -> None:
        memory[0] = 99

    _after_write(change)


def _payload_size() -> None:
    _after_write(lambda memory: struct.pack_into("<Q", memory, _PAYLOAD_BYTES, 2**40))


def _attributes_size() -> None:
    _after_write(lambda memory: struct.pack_into("<I", memory, 4, 2**31))


def _number() -> None:
    _after_write(lambda memory: struct.pack_into("<Q", memory, _NUMBER, 2**63))


def _slot_size() -> None:
    def change(memory: memoryview) -> None:
        address = ctypes.addressof(ctypes.c_ubyte.from_buffer(memory))
        ctypes.c_uint64.from_address(address - _ELEMENTS_BEFORE).value = 2**36

    _after_write(change)


def _ring(mark: Callable[[int], bytes]) -> None:
    """Write another end mark."""
    doorbell = import_module("runtime.links.shared.doorbell")

    async def lying(self: Any, items: int, _waiting: Any) -> None:
        os.write(self._end.outgoing, mark(items))

    _replace(doorbell.ProducerDoorbell, "ring_end", lying)


def _end_of_more() -> None:
    _ring(lambda items: b"E%d\n" % (items + 2))


def _end_of_less() -> None:
    _ring(lambda items: b"E%d\n" % (items - 2))


def _end_without_number() -> None:
    _ring(lambda _: b"E")


def _early_end() -> None:
    """End the stream after the third item, and go on."""
    doorbell = import_module("runtime.links.shared.doorbell")

    ring = doorbell.ProducerDoorbell.ring
    rung: list[Any] = []

    def lying(self: Any, what: bytes = b".") -> bool:
        if len(rung) < _ENTERED:
            rung.append(self)
            done = ring(self, what)
            return bool(ring(self, b"E%d\n" % len(rung))) if len(rung) == _ENTERED else bool(done)
        return True

    _replace(doorbell.ProducerDoorbell, "ring", lying)


def _credits() -> None:
    """Report more items taken than there were."""
    doorbell = import_module("runtime.links.shared.doorbell")

    send_credits = doorbell.ReaderDoorbell.send_credits

    def lying(self: Any, items: int, size: int) -> bool:
        return bool(send_credits(self, items + 1000, size))

    _replace(doorbell.ReaderDoorbell, "send_credits", lying)


def _half_credits() -> None:
    """Report in less bytes than a report has."""
    doorbell = import_module("runtime.links.shared.doorbell")

    def lying(self: Any, _items: int, _size: int) -> bool:
        os.write(self._end.outgoing, b"123")
        return True

    _replace(doorbell.ReaderDoorbell, "send_credits", lying)


def _reference(change: Callable[[list[int], bytes], tuple[list[int], bytes]]) -> Callable[[], None]:
    """Refer to something else.

    Args:
        change: given a reference's numbers and the name of the file, returns others.
    """

    def lie() -> None:
        references = import_module("runtime.links.shared.references")

        refer, form = references.refer, references._RECORD

        def lying(packed: Any) -> Any:
            packed = refer(packed)
            numbers, name = form.unpack_from(packed.payload), packed.payload[form.size :]
            changed, name = change(list(numbers), name)
            packed.payload = form.pack(*changed) + name
            packed.payload_bytes = len(packed.payload)
            return packed

        _replace(import_module("runtime.links.shared.writer"), "refer", lying)

    return lie


def _with(**changes: int) -> Callable[[list[int], bytes], tuple[list[int], bytes]]:
    """Return a change of some numbers, named by their place as in `n6`."""

    def change(numbers: list[int], name: bytes) -> tuple[list[int], bytes]:
        for place, number in changes.items():
            numbers[int(place[1:])] = number
        return numbers, name

    return change


def _strided(numbers: list[int], name: bytes) -> tuple[list[int], bytes]:
    return [*numbers[:-1], 1], struct.pack("<q", 2**62) + name


def _reference_of_a_bundle() -> None:
    def change(memory: memoryview) -> None:
        memory[0] = 10  # a bundle

    _after_write(change)


def _returned() -> None:
    """Return more than there was."""
    doorbell = import_module("runtime.links.shared.doorbell")

    send = doorbell.ReaderDoorbell.send_returned

    def lying(self: Any, _ranges: Any) -> Any:
        return send(self, [(2, 2**40)])

    _replace(doorbell.ReaderDoorbell, "send_returned", lying)


def _statistics(**changes: Any) -> Callable[[], None]:
    def lie() -> None:
        child = import_module("runtime.execution.process.node_main")

        def lying(node: Any) -> Any:
            return msgspec.structs.replace(statistics(node), **changes)

        statistics = child.NodeMain._statistics
        _replace(child.NodeMain, "_statistics", lying)

    return lie


def _sent_more() -> None:
    """Report more items sent than the stream had."""
    child = import_module("runtime.execution.process.node_main")

    statistics = child.NodeMain._statistics

    def lying(node: Any) -> Any:
        found = statistics(node)
        found.sent.items += 1
        return found

    _replace(child.NodeMain, "_statistics", lying)


def _accusation() -> None:
    """Report an error of a node that it has no link to."""
    from runtime.errors import NodeError

    actor_loop = import_module("runtime.execution.actor_loop")

    def lying(self: Any, *args: Any) -> Any:
        raise NodeError("far", "is accused")

    _replace(actor_loop.ActorLoop, "_begin", lying)


_LIES: Final[dict[str, Callable[[], None]]] = {
    "": lambda: None,
    "kind": _kind,
    "payload_size": _payload_size,
    "attributes_size": _attributes_size,
    "number": _number,
    "slot_size": _slot_size,
    "end_of_more": _end_of_more,
    "end_of_less": _end_of_less,
    "end_without_number": _end_without_number,
    "early_end": _early_end,
    "credits": _credits,
    "half_credits": _half_credits,
    "negative_count": _statistics(items_in=-5),
    "endless_count": _statistics(memory_bytes=2**64 - 1),
    "no_number": _statistics(cpu_seconds=float("nan")),
    "negative_time": _statistics(waiting_seconds=-1.0),
    "text_for_a_count": _statistics(items_out="many"),
    "endless_bucket": _statistics(processing={"buckets": {10**9: 1}, "count": 1}),
    "sent_more": _sent_more,
    "reference_elsewhere": _reference(lambda numbers, _: (numbers, b"../../etc/passwd")),
    "reference_to_another_file": _reference(_with(n6=1)),
    "reference_to_nothing": _reference(lambda numbers, name: (numbers, name + b"x")),
    "reference_behind_the_end": _reference(_with(n0=2**50)),
    "reference_across_slots": _reference(_with(n1=64)),
    "reference_strides": _reference(_strided),
    "reference_of_a_bundle": _reference_of_a_bundle,
    "returned": _returned,
    "accusation": _accusation,
}
