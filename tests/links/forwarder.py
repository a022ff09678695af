"""A process that hands on by reference what it receives, until it is killed."""

import sys

import msgspec

from actors import Binary
from runtime.links import Inbox, Item
from runtime.links.shared import (
    DomainSpec,
    DoorbellEnd,
    ReaderSpec,
    WriterSpec,
    open_shared_ends,
)
from runtime.links.waiting import BlockingWaiting


class ForwarderSpec(msgspec.Struct):
    """What it is told, as JSON in its first argument; the descriptors are inherited.

    Attributes:
        ear: the descriptors of its reader's doorbell.
        bell: those of its writer's.
    """

    domain: DomainSpec
    reader: ReaderSpec
    ear: tuple[int, int]
    writer: WriterSpec
    bell: tuple[int, int]


def main() -> None:
    """Hand on the odd bytes of each item, and tell each time."""
    spec = msgspec.json.decode(sys.argv[1], type=ForwarderSpec)
    with open_shared_ends(spec.domain, lambda: None) as shared:
        waiting = BlockingWaiting([])
        waiting.is_sole_task = lambda: True
        inbox = Inbox(waiting)
        inbox.add_reader(shared.open_reader(spec.reader, DoorbellEnd(*spec.ear)))
        writer = shared.open_writer(spec.writer, [DoorbellEnd(*spec.bell)], waiting)
        print("ready", flush=True)
        while True:
            item = inbox.try_receive()
            if item is None:
                continue
            assert isinstance(item.data, Binary)
            assert writer.try_send(Item(Binary(item.data.data[1::2]), item.sequence))
            del item
            print(writer.statistics.references, flush=True)


if __name__ == "__main__":
    main()
