"""Links through a socket: the same items and rules as on every other link, and hostile ends."""

import os
import signal
import socket
import ssl
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st

from actors import Binary, CancelSpeculation, Control, Kind, Text, Video
from runtime.errors import SharedMemoryError
from runtime.links import Inbox, Item, Output, PeerFaultError, PeerGoneError, named, stream_bytes
from runtime.links.shared.layout import kind_code
from runtime.links.socket import (
    LinkCertificate,
    LinkListener,
    LinkRefusedError,
    LinkSecret,
    SocketLinkSpec,
    SocketReader,
    SocketWriter,
    beat,
    dial,
    open_link_listener,
    tune,
    watch_pulse,
    without_tls,
    writer_of,
)
from runtime.links.socket.frames import CREDITS, RECORD, RecordKind, record
from runtime.links.socket.pulse import LOST_SECONDS
from runtime.links.stream_bytes import receive_exactly
from tests.links.test_data_kinds import ITEMS
from tests.service.certificates import make_authority

SECRET = LinkSecret.new()
BINARY = kind_code(Kind.BINARY)


def spec(*, capacity: int = 100, capacity_bytes: int = 2**24, drop: bool = False) -> SocketLinkSpec:
    return SocketLinkSpec("a", "b", capacity, capacity_bytes, 2**26, drop)


@dataclass
class Pair:
    """Both ends of a link."""

    writer: SocketWriter
    reader: SocketReader
    inbox: Inbox
    output: Output


async def connected(
    server_tls: ssl.SSLContext | None = None, client_tls: ssl.SSLContext | None = None
) -> tuple[socket.socket, socket.socket]:
    async with open_link_listener("127.0.0.1", SECRET, tls=server_tls) as listener:
        dialled = await dial(listener.address, SECRET, "a b", tls=client_tls)
        accepted = await listener.accept()
    assert accepted.name == "a b"
    return dialled.sock, accepted.sock


async def test_a_certificate_of_a_session_is_trusted_by_that_session_only() -> None:
    certificate, other = LinkCertificate.new(), LinkCertificate.new()
    ours, theirs = await connected(certificate.listening(), certificate.dialling())
    with ours, theirs:
        await stream_bytes.send_all(ours, b"x" * 10_000)
        assert await receive_exactly(theirs, 10_000) == b"x" * 10_000
    with pytest.raises(LinkRefusedError, match="certificate"):
        await connected(certificate.listening(), other.dialling())
    assert "PRIVATE" not in repr(certificate)


async def test_both_ends_may_go_on_without_tls_once_a_link_is_open() -> None:
    certificate = LinkCertificate.new()
    tls = await connected(certificate.listening(), certificate.dialling())
    ours, theirs = map(without_tls, tls)
    with ours, theirs:
        theirs.send(b"sign of life")
        assert await receive_exactly(ours, 12) == b"sign of life"
        assert type(ours) is socket.socket


@asynccontextmanager
async def linked(
    of: SocketLinkSpec, sockets: tuple[socket.socket, socket.socket] | None = None
) -> AsyncIterator[Pair]:
    ours, theirs = sockets or await connected()
    writer, reader = writer_of(of)(of, ours), SocketReader(of, theirs)
    inbox = Inbox()
    inbox.add_reader(reader)
    output = Output(writers=[writer])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.run)
        try:
            yield Pair(writer, reader, inbox, output)
        finally:
            nursery.cancel_scope.cancel()
            inbox.close()
            output.close()


@asynccontextmanager
async def raw_reader(of: SocketLinkSpec) -> AsyncIterator[tuple[socket.socket, Inbox]]:
    """Open a link whose producer is the test, which may write anything."""
    ours, theirs = await connected()
    inbox = Inbox()
    inbox.add_reader(SocketReader(of, theirs))
    try:
        yield ours, inbox
    finally:
        inbox.close()
        ours.close()


async def send_all(output: Output, items: list[Item]) -> None:
    for item in items:
        if not output.try_send(item):
            await output.send(item)
    await output.end()


async def receive_all(inbox: Inbox) -> list[Item]:
    received = []
    try:
        while True:
            received.append(inbox.try_receive() or await inbox.receive())
    except trio.EndOfChannel:
        return received


@pytest.mark.parametrize("drop", [False, True])
async def test_every_kind_comes_through_bit_for_bit_with_its_marks(drop: bool) -> None:
    sent = [
        Item(data, number, "a", 2**40 + number, 1 + number) for number, data in enumerate(ITEMS)
    ]
    async with (
        linked(spec(drop=drop, capacity=4 * len(sent))) as pair,
        trio.open_nursery() as tasks,
    ):
        tasks.start_soon(send_all, pair.output, sent)
        received = await receive_all(pair.inbox)
    for before, after in zip(sent, received, strict=True):
        assert after.data == before.data
        assert (after.sequence, after.source) == (before.sequence, before.source)
        assert (after.timestamp_ms, after.entered_ns) == (before.timestamp_ms, before.entered_ns)


async def test_sizes_come_through_and_one_item_fits_into_any_link() -> None:
    sizes = [0, 1, 63, 16 * 1024, 16 * 1024 + 1, 65536, 10**6, 2 * 10**7, 3, 5 * 10**6, 0]
    sent = [Item(Binary(np.random.default_rng(3).bytes(size))) for size in sizes]
    async with linked(spec(capacity_bytes=1000)) as pair, trio.open_nursery() as tasks:
        tasks.start_soon(send_all, pair.output, sent)
        received = await receive_all(pair.inbox)
    assert [item.data for item in received] == [item.data for item in sent]


async def test_a_reader_that_is_slower_than_the_network_gets_all_of_it() -> None:
    ours, theirs = socket.socketpair()  # with small buffers: most sends are cut off
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    tune(ours)
    tune(theirs)
    sent = [Item(Binary(bytes([n % 256]) * (n * 997 % 60_000)), n) for n in range(200)]
    async with linked(spec(), (ours, theirs)) as pair, trio.open_nursery() as tasks:
        tasks.start_soon(send_all, pair.output, sent)
        received = await receive_all(pair.inbox)
    assert [item.data for item in received] == [item.data for item in sent]


async def test_a_reader_may_take_nothing_for_longer_than_a_connection_takes_to_be_lost() -> None:
    async with linked(spec(capacity_bytes=2**26)) as pair:
        count = 0
        while pair.output.try_send(Item(Binary(bytes(10**6)))):  # more than the kernel buffers
            count += 1
        await trio.sleep(LOST_SECONDS + 2)  # time has to pass in the kernel
        for _ in range(count):
            assert (await pair.inbox.receive()).data == Binary(bytes(10**6))


async def test_a_link_may_be_encrypted(tmp_path: Path) -> None:
    authority = make_authority(tmp_path)
    issued = authority.issue("worker")
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(issued.certificate, issued.key)
    client = ssl.create_default_context(cafile=str(authority.certificate))
    sizes = [0, 3, 10**6, 16_384, 5 * 10**6, 1]
    sent = [Item(Binary(np.random.default_rng(3).bytes(size))) for size in sizes]
    sockets = await connected(server, client)
    async with linked(spec(), sockets) as pair, trio.open_nursery() as tasks:
        tasks.start_soon(send_all, pair.output, sent)
        received = await receive_all(pair.inbox)
    assert [item.data for item in received] == [item.data for item in sent]
    untrusted = ssl.create_default_context()
    with pytest.raises(LinkRefusedError, match="certificate"):
        await connected(server, untrusted)


async def test_received_arrays_are_read_only() -> None:
    async with linked(spec()) as pair:
        await pair.output.send(Item(Video(np.zeros(12, np.uint8), 2, 2)))
        item = await pair.inbox.receive()
    assert isinstance(item.data, Video)
    with pytest.raises(ValueError, match="read-only|WRITEABLE"):
        item.data.pixels.flags.writeable = True


async def test_an_item_larger_than_the_session_may_have_is_refused_before_it_is_sent() -> None:
    of = SocketLinkSpec("a", "b", 10, 1000, 5000)
    async with linked(of) as pair:
        with pytest.raises(SharedMemoryError, match="larger than the most"):
            await pair.output.send(Item(Binary(bytes(6000))))
        await pair.output.send(Item(Text("x")))
        assert (await pair.inbox.receive()).data == Text("x")


async def test_a_full_link_makes_its_producer_wait() -> None:
    async with linked(spec(capacity=5)) as pair:
        sent = 0
        while pair.output.try_send(Item(Text("x"), sent)):
            sent += 1
        assert sent == 5
        async with trio.open_nursery() as tasks:
            tasks.start_soon(pair.output.send, Item(Text("x"), 5))
            await trio.testing.wait_all_tasks_blocked()
            assert pair.writer.statistics.items == 5
            assert (await pair.inbox.receive()).sequence == 0
            for number in range(1, 6):
                assert (await pair.inbox.receive()).sequence == number


async def test_a_link_that_is_full_of_bytes_makes_its_producer_wait() -> None:
    async with linked(spec(capacity_bytes=3000)) as pair:
        assert pair.output.try_send(Item(Binary(bytes(2000))))
        assert not pair.output.try_send(Item(Binary(bytes(2000))))
        await pair.inbox.receive()
        async with trio.open_nursery() as tasks:
            tasks.start_soon(pair.output.send, Item(Binary(bytes(2000))))
            assert (await pair.inbox.receive()).data == Binary(bytes(2000))


async def test_a_link_without_backpressure_drops_the_oldest_and_counts_it() -> None:
    of, count = spec(capacity=8, drop=True), 100
    async with linked(of) as pair:
        for number in range(count):
            await pair.output.send(Item(Text("x"), number, to="other" if number % 10 == 9 else ""))
        async with trio.open_nursery() as tasks:
            tasks.start_soon(pair.output.end)
            received = [item.sequence for item in await receive_all(pair.inbox)]
        counted = pair.reader.statistics
    assert received == sorted(received)
    assert received[: of.window] == list(range(of.window))  # what was under way
    assert received[-of.capacity :] == [n for n in range(count) if n % 10 != 9][-of.capacity :]
    assert len(received) <= of.window + of.capacity
    assert counted.items + counted.dropped == pair.writer.statistics.items == count
    assert counted.items == len(received) + 10


async def test_an_item_for_another_reader_is_counted_and_not_sent() -> None:
    async with linked(spec()) as pair:
        for number, to in enumerate(["", "c", "c", "b", "c"]):
            await pair.output.send(Item(Text("x"), number, to=to))
        await pair.output.end()
        assert [item.sequence for item in await receive_all(pair.inbox)] == [0, 3]
        assert pair.reader.statistics.items == pair.writer.statistics.items == 5


async def test_a_control_message_travels_among_the_items() -> None:
    message = named(Control(CancelSpeculation(1, 2)), "s/1")
    async with linked(spec()) as pair:
        await send_all(pair.output, [Item(Text("x")), Item(message), Item(Text("y"))])
        received = await receive_all(pair.inbox)
    assert [item.data for item in received] == [Text("x"), message, Text("y")]


async def test_a_link_can_be_waited_for_before_it_is_connected() -> None:
    of = spec()
    writer, reader = writer_of(of)(of), SocketReader(of)
    inbox, output = Inbox(), Output(writers=[writer])
    inbox.add_reader(reader)
    async with trio.open_nursery() as tasks:
        tasks.start_soon(writer.run)
        assert not output.try_send(Item(Text("x")))
        tasks.start_soon(send_all, output, [Item(Text("x"))])
        received = trio.Event()

        async def receive() -> None:
            assert [item.data for item in await receive_all(inbox)] == [Text("x")]
            received.set()

        tasks.start_soon(receive)
        await trio.testing.wait_all_tasks_blocked()
        ours, theirs = await connected()
        reader.attach(theirs)
        writer.attach(ours)
        await received.wait()
        tasks.cancel_scope.cancel()
    inbox.close()
    output.close()


async def test_ends_that_are_closed_before_they_are_connected_close_what_comes_later() -> None:
    of = spec()
    writer, reader = SocketWriter(of), SocketReader(of)
    writer.close()
    reader.close()
    ours, theirs = await connected()
    writer.attach(ours)
    reader.attach(theirs)
    assert ours.fileno() == theirs.fileno() == -1


@pytest.mark.parametrize("drop", [False, True])
async def test_a_reader_that_vanishes_is_named(drop: bool) -> None:
    async with linked(spec(capacity=2, drop=drop)) as pair:
        pair.reader.close()
        with pytest.raises(PeerGoneError) as caught, trio.fail_after(5):
            while True:
                await pair.output.send(Item(Binary(bytes(10**6))))
        assert caught.value.peer == "b"


async def test_a_producer_that_vanishes_is_named_after_all_that_has_arrived() -> None:
    async with linked(spec()) as pair:
        await pair.output.send(Item(Text("x")))
        pair.writer.close()
        assert (await pair.inbox.receive()).data == Text("x")
        with pytest.raises(PeerGoneError) as caught:
            await pair.inbox.receive()
        assert caught.value.peer == "a"


HEADER = struct.Struct("<BBBBIQQQQIIQ8x")


def item_record(
    *, kind: int = BINARY, number: int = 0, payload: int = 3, length: int | None = None
) -> bytes:
    body = HEADER.pack(kind, 0, 0, 0, 0, 0, 0, 0, payload, 0, 0, number) + bytes(3)
    return RECORD.pack(len(body) if length is None else length, RecordKind.ITEM, 0) + body


@pytest.mark.parametrize(
    ("sent", "fault"),
    [
        (item_record(length=2**32 - 1), "sent an item of 4294967295 bytes; the most is"),
        (item_record(length=2), "sent an item of 2 bytes"),
        (item_record(kind=99), "sent a broken item"),
        (item_record(payload=2**60), "sent a broken item"),
        (item_record(payload=1), "sent an item of 65 bytes in 67"),
        (item_record(number=7), "sent item 7 where item 0 comes"),
        (item_record() * 2, "sent item 0 where item 1 comes"),
        (RECORD.pack(8, 9, 0) + bytes(8), "sent what is no record: kind 9, 8 bytes"),
        (RECORD.pack(8, RecordKind.CREDITS_REQUEST, 0), "sent what is no record: kind 3"),
        (RECORD.pack(9, RecordKind.END, 0) + bytes(9), "sent an end of stream of 9 bytes"),
        (record(RecordKind.END, struct.pack("<Q", 5)), "sent item 5 where item 0 comes"),
        (record(RecordKind.END, struct.pack("<Q", 0), 3), "sent item 0 where item 3 comes"),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "sent what is no record"),
    ],
)
async def test_a_producer_that_writes_something_else_is_named(sent: bytes, fault: str) -> None:
    async with raw_reader(spec()) as (sock, inbox):
        sock.setblocking(True)
        sock.sendall(sent)
        with pytest.raises(PeerFaultError) as caught, trio.fail_after(5):
            while True:
                await inbox.receive()
        assert caught.value.peer == "a"
        assert fault in caught.value.reason
        with pytest.raises(PeerFaultError):
            inbox.take()


@pytest.mark.parametrize(
    "sent",
    [CREDITS.pack(2, 0), CREDITS.pack(0, 10**6), CREDITS.pack(2**64 - 1, 2**64 - 1), b"x" * 16],
)
async def test_a_reader_that_reports_what_cannot_be_is_named(sent: bytes) -> None:
    ours, theirs = await connected()
    writer = SocketWriter(spec(capacity=1), ours)
    try:
        assert writer.try_send(Item(Text("x")))
        theirs.setblocking(True)
        theirs.sendall(sent)
        with pytest.raises(PeerFaultError, match="items of") as caught, trio.fail_after(5):
            await writer.send(Item(Text("x")))
        assert caught.value.peer == "b"
    finally:
        writer.close()
        theirs.close()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=90), st.just(item_record())), max_size=6))
def test_whatever_a_producer_writes_is_an_item_or_an_error_of_the_link(parts: list[bytes]) -> None:
    ours, theirs = socket.socketpair()
    tune(theirs)
    reader = SocketReader(spec(), theirs)
    try:
        for part in parts:
            ours.sendall(part)
        ours.close()
        with pytest.raises((PeerFaultError, PeerGoneError)):
            while not reader.ended:
                reader.after_wait()
                reader.take()
            raise PeerGoneError("", "it was whole")
    finally:
        reader.close()


async def test_only_who_knows_the_secret_opens_a_link() -> None:
    async with open_link_listener("127.0.0.1", SECRET) as listener:
        with pytest.raises(LinkRefusedError, match="closed the connection"):
            await dial(listener.address, LinkSecret.new(), "a b")
        assert (await dial_and_accept(listener)) == "right"
        assert listener.refused == 1


async def dial_and_accept(listener: LinkListener) -> str:
    dialled = await dial(listener.address, SECRET, "right")
    accepted = await listener.accept()
    dialled.sock.close()
    accepted.sock.close()
    return accepted.name


async def test_a_listener_that_does_not_know_the_secret_is_refused() -> None:
    listener = trio.socket.socket()
    await listener.bind(("127.0.0.1", 0))
    listener.listen()

    async def impostor() -> None:
        sock, _ = await listener.accept()
        with sock:
            await sock.send(bytes(32))
            await sock.recv(4096)
            await sock.send(bytes(40))

    async with trio.open_nursery() as tasks:
        tasks.start_soon(impostor)
        with pytest.raises(LinkRefusedError, match="does not know the secret"):
            await dial(listener.getsockname(), SECRET, "a b")
    listener.close()


async def test_what_is_sent_to_a_listener_does_not_stop_it() -> None:
    async with open_link_listener("127.0.0.1", SECRET) as listener:
        idle = [await trio.open_tcp_stream(*listener.address) for _ in range(3)]
        async with await trio.open_tcp_stream(*listener.address) as stream:
            await stream.send_all(b"GET / HTTP/1.1\r\n\r\n" + bytes(200))
            with suppress(trio.BrokenResourceError):
                while await stream.receive_some():
                    pass
        assert (await dial_and_accept(listener)) == "right"
        for stream in idle:
            await stream.aclose()


def test_a_secret_is_long_enough_and_never_shown() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        LinkSecret(b"short")
    assert "key" not in repr(SECRET)


async def test_nobody_there_is_an_error_that_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(LinkRefusedError, match=f"127.0.0.1:{address[1]}: "):
        await dial(address, SECRET, "a b")


BEATING = """
import os, signal, socket, sys
from runtime.links.socket import beat
with socket.socket(fileno=int(sys.argv[1])) as sock:
    beat(sock)
"""


@pytest.mark.parametrize("what", [signal.SIGSTOP, signal.SIGKILL])
async def test_a_process_that_is_stopped_or_killed_is_noticed(what: signal.Signals) -> None:
    ours, theirs = socket.socketpair()
    tune(ours)
    process = await trio.lowlevel.open_process(
        [sys.executable, "-c", BEATING, str(theirs.fileno())], pass_fds=[theirs.fileno()]
    )
    theirs.close()
    try:
        await trio.lowlevel.wait_readable(ours)
        os.kill(process.pid, what)
        reason = "no sign of life" if what is signal.SIGSTOP else "closed its connection"
        with pytest.raises(PeerGoneError, match=reason) as caught:
            await watch_pulse(ours, "far")
        assert caught.value.peer == "far"
    finally:
        process.kill()
        await process.wait()
        ours.close()


async def test_signs_of_life_end_with_the_connection() -> None:
    ours, theirs = socket.socketpair()
    async with trio.open_nursery() as tasks:
        tasks.start_soon(trio.to_thread.run_sync, lambda: beat(theirs))
        tune(ours)
        with trio.move_on_after(0.7):
            await watch_pulse(ours, "far")
        ours.close()
    theirs.close()


async def test_pulse_that_came_while_this_process_had_no_turn_counts(
    autojump_clock: trio.testing.MockClock,
) -> None:
    ours, theirs = socket.socketpair()
    tune(ours)
    with theirs, ours:
        theirs.send(struct.pack("<d", 0.0))
        with trio.move_on_after(1):
            await watch_pulse(ours, "far")
