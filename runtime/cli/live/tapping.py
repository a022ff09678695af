"""Showing the outputs of a node of a running session."""

import time
from collections import Counter
from collections.abc import Iterable

import trio
from rich.console import Console

from actors import Data, Json, Text

from ...media import Sink, open_sink
from ...wire import ControlDirection, ControlEvent, ControlFrame, Subscribe
from ...wire.conversion import data_of
from ..errors import CommandError
from ..file_run import stopped_by_signals
from ..server_target import ServerTarget
from .attaching import address_of, attached, raise_error

_RATE_SECONDS = 1.0


async def tap_node(
    server: ServerTarget,
    session: str,
    nodes: Iterable[str],
    *,
    output: str | None,
    rate: bool,
    count: int,
    console: Console,
    stdout: Console,
) -> None:
    """Show or write the outputs of nodes, until the session ends or a signal comes.

    Args:
        server: the server.
        session: the id of the session.
        nodes: the addresses of their outputs.
        output: the file to write; None prints.
        rate: print outputs and bytes a second, rather than the outputs.
        count: end after so many outputs; 0 never does.
        console: for messages.
        stdout: for outputs.

    Raises:
        MillraceError: there is no such session or node, or an output cannot be written.
    """
    addresses = [address_of(node, ControlDirection.OUT) for node in nodes]
    sink = None if output is None else open_sink(output)
    view = _Rates(stdout) if rate else _Outputs(stdout, sink)
    try:
        async with stopped_by_signals(_do_nothing), attached(server, session) as attach:
            for address in addresses:
                await attach.send(ControlFrame(subscribe=Subscribe(addr=address)))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(view.run)
                seen = 0
                while (event := await attach.receive()) is not None:
                    if event.error is not None and seen:
                        console.print(event.error.message, style="yellow")
                        continue
                    raise_error(event)
                    if event.session_closed is not None:
                        _report_end(event, console)
                        break
                    if event.tap is not None:
                        await view.show(event)
                        seen += 1
                    if count and seen >= count:
                        break
                nursery.cancel_scope.cancel()
            view.finish()
    finally:
        if sink is not None:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(sink.close)


class _Outputs:
    """Prints each output on a line, or writes it to a file."""

    def __init__(self, stdout: Console, sink: Sink | None) -> None:
        self._stdout = stdout
        self._sink = sink

    async def run(self) -> None:
        """Do nothing beside."""

    def finish(self) -> None:
        """Do nothing: every output was shown."""

    async def show(self, event: ControlEvent) -> None:
        assert event.tap is not None
        assert event.tap.addr is not None
        data, node = data_of(event.tap.data, "a tap"), event.tap.addr.node_id
        if self._sink is None:
            self._stdout.print(_line(data), soft_wrap=True)
            return
        if data.kind not in self._sink.accepts:
            kind = data.kind.value
            raise CommandError(f"{self._sink.name} does not take {kind}, which {node} emits")
        await trio.to_thread.run_sync(_write, self._sink, data, node)


class _Rates:
    """Prints how many outputs and bytes came in each second."""

    def __init__(self, stdout: Console) -> None:
        self._stdout = stdout
        self._items: Counter[str] = Counter()
        self._bytes: Counter[str] = Counter()
        self._began = time.monotonic()

    async def run(self) -> None:
        while True:
            await trio.sleep(_RATE_SECONDS)
            self._print()

    def finish(self) -> None:
        """Print what came since the last line."""
        if any(self._items.values()):
            self._print()

    def _print(self) -> None:
        seconds = time.monotonic() - self._began
        self._began = time.monotonic()
        for node in sorted(self._items):
            rate, size = self._items[node] / seconds, self._bytes[node] / seconds
            self._stdout.print(f"{node}  {rate:.1f} items/s  {size / 1000:.1f} kB/s")
        self._items = Counter(dict.fromkeys(self._items, 0))
        self._bytes.clear()

    async def show(self, event: ControlEvent) -> None:
        assert event.tap is not None
        assert event.tap.addr is not None
        assert event.tap.data is not None
        self._items[event.tap.addr.node_id] += 1
        self._bytes[event.tap.addr.node_id] += len(bytes(event.tap.data))


def _write(sink: Sink, data: Data, node: str) -> None:
    sink.write(data, node_id=node, sequence=0)
    sink.flush()


def _line(data: Data) -> str:
    """Return an output as one line: text and JSON as they are, others described."""
    if isinstance(data, Text | Json):
        return data.text.replace("\n", " ")
    size = getattr(data, "duration_seconds", None)
    shown = f" {1000 * size:.0f} ms" if size is not None else ""
    return f"<{data.kind.value}{shown}>"


def _report_end(event: ControlEvent, console: Console) -> None:
    assert event.session_closed is not None
    detail = event.session_closed.detail
    console.print(f"the session has ended{': ' if detail else ''}{detail}", style="dim")


def _do_nothing() -> None:
    """Leave a signal to the cancellation."""
