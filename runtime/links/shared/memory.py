"""The one room that imports iceoryx2: segments that processes of one session share."""

import ctypes
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import iceoryx2 as iox2
import msgspec

from ...errors import SharedMemoryError
from .bus_errors import bus_errors
from .headroom import Headroom, Pages, needed_bytes
from .refusals import no_pages_left, refusals_explained
from .segments import Segment, SegmentMaps
from .specs import ChannelSpec, DomainSpec, WriterSpec

# Slots are counted in blocks of one cache line, and begin on one. Bytes with a payload alignment
# of 64 would do the same, but iceoryx2 0.10 then takes 64 times the memory.
BLOCK_BYTES: Final = 64
_INITIAL_BLOCKS: Final = 64
MOST_LOANS: Final = 16
"""Slots that a producer may hold without having sent them."""


class _Block(ctypes.Structure):
    _fields_ = (("bytes", ctypes.c_uint8 * BLOCK_BYTES),)


class MemoryNode:
    """This process's membership in a session's domain.

    Args:
        node: iceoryx2's.
        headroom: what is left of the session's budget.
        faults: whether pages were missing, see `PageFaults`.
        segments: what this process maps because items refer to it.
    """

    def __init__(
        self, node: Any, headroom: Headroom, faults: "PageFaults", segments: SegmentMaps
    ) -> None:
        self.segments = segments
        self._node = node
        self._headroom = headroom
        self._faults = faults
        self._services: list[Any] = []

    def create_service(self, spec: ChannelSpec) -> None:
        """Create `spec`'s service, and keep it until this process leaves the domain.

        Raises:
            SharedMemoryError: there is no room for it.
        """
        with self._faults.reported("a link"):
            self._services.append(self._service(spec))

    def leave(self) -> None:
        """Let go of the services, of the membership, and of what items referred to."""
        self._services.clear()
        self.segments.clear()
        self._node = None

    def open_publisher(self, link: WriterSpec) -> "Publisher":
        """Return the producer's end of `link`.

        Raises:
            SharedMemoryError: there is no room for it.
        """
        spec = link.channel
        to = ", ".join(peer or "the client" for peer in link.peers)
        # The session's budget has it already: see `share_bytes`.
        self._headroom.require_free(needed_bytes(spec), f"a link to {to}")
        with self._faults.reported(f"a link to {to}"):
            builder = self._service(spec).publisher_builder()
            port = (
                builder.initial_max_slice_len(_INITIAL_BLOCKS)
                .allocation_strategy(iox2.AllocationStrategy.PowerOfTwo)
                # One more for what is copied; all others are only ever loaned to take their pages.
                .max_loaned_samples(MOST_LOANS + 1 + spec.capacity + spec.borrows)
                # Flow control is ours: by credits, never by blocking this thread.
                .backpressure_strategy(iox2.BackpressureStrategy.DiscardData)
                .create()
            )
        return Publisher(port, Pages(self._headroom, link.most_bytes, f"to {to}"))

    def open_subscriber(self, spec: ChannelSpec) -> "Subscriber":
        """Return a reader's end of `spec`.

        Raises:
            SharedMemoryError: there is no room for it.
        """
        self._headroom.require_free(needed_bytes(spec), "a reader of a link")
        with self._faults.reported("a reader of a link"):
            return Subscriber(self._service(spec).subscriber_builder().create())

    def _service(self, spec: ChannelSpec) -> Any:
        return (
            self._node.service_builder(iox2.ServiceName.new(spec.service))
            .publish_subscribe(iox2.Slice[_Block])
            .payload_alignment(iox2.Alignment.new(BLOCK_BYTES))
            .max_publishers(1)
            .max_subscribers(spec.readers + 1)  # and the producer, for what it loaned out
            .max_nodes(spec.readers + 2)  # the producer, and the server that creates it
            .subscriber_max_buffer_size(spec.capacity)
            .subscriber_max_borrowed_samples(spec.borrows)
            .history_size(0)
            .enable_safe_overflow(spec.drop_oldest)
            .open_or_create()
        )


class Publisher:
    """The producer's end of a service."""

    def __init__(self, port: Any, pages: Pages) -> None:
        self._port = port
        self._pages = pages
        # The library's public `loan_slice_uninit` looks the payload's type up at every call.
        self._loan_blocks = getattr(port, "__loan_slice_uninit", port.loan_slice_uninit)
        # By address, since slots are used again and again.
        self._views: dict[int, memoryview] = {}

    def loan(self, size: int) -> "Slot":
        """Return a writable slot of at least `size` bytes; the segment grows as needed.

        Raises:
            SharedMemoryError: it may not, or cannot.
        """
        pages, blocks = self._pages, -(-size // BLOCK_BYTES)
        if size > pages.largest:
            pages.prepare(size)
        sample = self._loan_blocks(blocks)
        address: int = sample.payload_ptr
        view = self._views.get(address)
        if view is None or view.nbytes < size:
            view = self._views[address] = writable_view(address, blocks)
        slot = Slot(sample, size, address, view)
        if not pages.are_there(address, size):
            pages.shrink(address, size)
            if not pages.has(address, size):
                self._give_pages(slot)
        return slot

    def _give_pages(self, slot: "Slot") -> None:
        pages, address, size = self._pages, slot.address, slot.size
        excess = pages.excess(address, size)
        if excess:
            self._reclaim(excess)
        try:
            pages.add(address, size)
        except SharedMemoryError:
            if not self._reclaim(size):
                raise
            pages.add(address, size)

    def _reclaim(self, size: int) -> int:
        """Take the pages of slots that nobody uses, until there are enough; return the bytes."""
        slots, reclaimed = [], 0
        with suppress(iox2.LoanError):  # no more loans, or no more slots
            while reclaimed < size:
                slots.append(self._port.loan_slice_uninit(1))
                reclaimed += self._pages.drop(slots[-1].payload_ptr)
        return reclaimed


class Slot(msgspec.Struct, eq=False):
    """Shared memory that nobody else sees yet.

    Attributes:
        sample: iceoryx2's own.
        size: what was asked for, in bytes.
        address: where it begins.
        memory: of `size` bytes at least; not to be written to once the slot is sent.
    """

    sample: Any
    size: int
    address: int
    memory: memoryview

    def send(self) -> int:
        """Publish the slot to every reader; return how many got it. The slot is used up."""
        count: int = _initialized(self.sample).send()
        return count


# Like `SampleMutUninit.assume_init`, without a look at the payload's type.
_initialized: Final = getattr(
    iox2.SampleMutUninit, "__assume_init", iox2.SampleMutUninit.assume_init
)


def writable_view(address: int, blocks: int) -> memoryview:
    """Return a view of so many blocks of this process's memory; it keeps nothing alive."""
    return memoryview((ctypes.c_ubyte * (blocks * BLOCK_BYTES)).from_address(address)).cast("B")


class Subscriber:
    """A reader's end of a service."""

    def __init__(self, port: Any) -> None:
        self.receive: Callable[[], Any] = port.receive
        """Returns the next sample, or None. The slot stays borrowed as long as the sample lives."""


class Borrowed(ctypes.c_ubyte * 2**46):  # type: ignore[misc]  # it is a class
    """The owner of a received slot: what views it has it as its base, and keeps it alive.

    The library's own `as_memory_view()` has no owner, so an array of it may outlive its slot, and
    is writable besides. The length is only that of the class, so that one class serves all slots.
    """

    held: tuple[Any, "deque[int]", int, Segment | None]

    def __del__(self) -> None:
        # The last view may be dropped in any thread, so nothing here but two atomic steps: first
        # give the slot back, then say so.
        _, returned, weight, _ = self.held
        del _, self.held
        returned.append(weight)

    def slot(self) -> tuple[Segment | None, int, int]:
        """Return where in this process the slot lies: address and length; and the segment.

        The segment comes first. It is None if other processes cannot refer to the slot.
        """
        _, _, weight, segment = self.held
        return segment, ctypes.addressof(self), weight


def borrowed_view(
    sample: Any,
    address: int,
    weight: int,
    returned: "deque[int]",
    segment: Segment | None = None,
) -> memoryview:
    """Return a read-only view of a sample; the slot stays borrowed as long as anything views it.

    Args:
        sample: as received.
        address: where it begins.
        weight: its length, in bytes.
        returned: gets the weight when the slot is given back.
        segment: that it is in; None if it is not to be referred to.
    """
    owner = Borrowed.from_address(address)
    owner.held = sample, returned, weight, segment
    return memoryview(owner)[:weight].toreadonly()


class PageFaults:
    """Pages of a domain that could not be made when this process touched them.

    Attributes:
        happened: whether there were any: what this process wrote there is lost to the others.

    Args:
        tell: called in the handler of SIGBUS, so at any point of this process's code.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        self.happened = False
        self._tell = tell
        self._is_opening = False

    def note(self) -> None:
        """Note a fault; tell of the first, unless `reported` does."""
        is_first, self.happened = not self.happened, True
        if is_first and not self._is_opening:
            self._tell()

    @contextmanager
    def reported(self, purpose: str) -> Iterator[None]:
        """Report what goes wrong while something is being opened.

        Raises:
            SharedMemoryError: it could not be opened, or not wholly.
        """
        self._is_opening = True
        try:
            with refusals_explained(purpose):
                yield
        finally:
            self._is_opening = False
        if self.happened:
            raise SharedMemoryError(f"{purpose} cannot be opened: {no_pages_left()}")


@contextmanager
def open_memory(domain: DomainSpec, on_fault: Callable[[], None]) -> Iterator[MemoryNode]:
    """Join `domain` with this process. Ports must be let go of before the end.

    Never fork a process that has been inside: iceoryx2 would not recognize its death.

    Args:
        domain: the session's.
        on_fault: called once when a page is missing that this process touches, at any point of its
            code. The process can go on, the session cannot.

    Raises:
        SharedMemoryError: there is no room.
    """
    # It would report files that our own sweep has removed under an array that is still in use.
    iox2.set_log_level(iox2.LogLevel.Fatal)
    config = iox2.config.default()
    config.global_cfg.prefix = iox2.FileName.new(domain.prefix)
    config.global_cfg.root_path = iox2.Path.new(domain.root)
    # What dead processes leave is removed by name, when all are gone (DomainSpec.remove). iceoryx2
    # would open it first, and wait without end for a segment whose maker died in the middle.
    config.global_cfg.node.cleanup_dead_nodes_on_creation = False
    config.global_cfg.node.cleanup_dead_nodes_on_destruction = False
    config.global_cfg.service.cleanup_dead_nodes_on_open = False
    faults = PageFaults(on_fault)
    with bus_errors().watched(domain.prefix, faults.note):
        with faults.reported("the session's shared memory"):
            domain.check_owner()
            node = (
                iox2.NodeBuilder.new()
                .config(config)
                .signal_handling_mode(iox2.SignalHandlingMode.Disabled)
                .create(iox2.ServiceType.Ipc)
            )
            # iceoryx2 0.10 makes one file, with the next number of a node, for every user to write.
            for path in domain.segments():
                with suppress(FileNotFoundError):
                    path.chmod(0o600)
        memory = MemoryNode(node, Headroom(domain), faults, SegmentMaps(domain))
        del node
        try:
            yield memory
        finally:
            memory.leave()
