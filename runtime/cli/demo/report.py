"""The report at the end of the demo."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text as Line

from ...execution import NodeStatistics
from .conversation import Conversation, Exchange
from .units import executor_or_process, milliseconds


def print_report(
    console: Console, commands: Sequence[str] | None, conversation: Conversation
) -> bool:
    """Print the result of the demo.

    Args:
        console: where it is printed.
        commands: that were spoken; None where they are not known, as for a recording.
        conversation: of the run.

    Returns:
        Whether every command was recognized word for word; if the commands are not known, whether
        there was one.
    """
    console.print(_exchange_table(commands, conversation))
    console.print(_latency_table(conversation))
    totals = conversation.totals
    console.print(
        f"{len(conversation.pids)} processes started, ready in {conversation.ready_seconds:.2f} s; "
        f"{totals.shared_bytes / 1e6:.1f} MB through shared memory; {totals.copies} copies "
        f"({totals.copied_bytes / 1e6:.1f} MB)"
    )
    if commands is None:
        return bool(conversation.exchanges)
    recognized = [exchange.recognized for exchange in conversation.exchanges]
    right = sum(pair[0] == pair[1] for pair in align(commands, recognized))
    succeeded = right == len(commands) == len(recognized)
    console.print(
        f"{right} of {len(commands)} commands understood word for word",
        style="green" if succeeded else "red",
    )
    return succeeded


def align(spoken: Sequence[str], recognized: Sequence[str]) -> list[tuple[str, str]]:
    """Pair spoken and recognized commands; a missing or extra one is paired with an empty text.

    >>> align(["a", "b", "c"], ["a", "x", "c"])
    [('a', 'a'), ('b', 'x'), ('c', 'c')]
    >>> align(["a", "b"], ["b"])
    [('a', ''), ('b', 'b')]
    """
    pairs: list[tuple[str, str]] = []
    matcher = SequenceMatcher(None, spoken, recognized, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        pairs += zip_longest(spoken[left:left_end], recognized[right:right_end], fillvalue="")
    return pairs


def _exchange_table(commands: Sequence[str] | None, conversation: Conversation) -> Table:
    table = Table(title="Commands, and how they were recognized", box=box.ROUNDED)
    columns = ("recognized", "answer") if commands is None else ("spoken", "recognized", "answer")
    for name in columns:
        table.add_column(name)
    table.add_column("after", justify="right", no_wrap=True)
    if commands is None:
        for each in conversation.exchanges:
            table.add_row(each.recognized, each.answer, _latency(each))
        return table
    exchanges = iter(conversation.exchanges)
    recognized = [each.recognized for each in conversation.exchanges]
    for spoken, text in align(commands, recognized):
        exchange = next(exchanges) if text else Exchange("")
        table.add_row(
            Line(spoken) if spoken else Line("nothing", "dim"),
            Line(text or "nothing", "green" if spoken == text else "red"),
            exchange.answer,
            _latency(exchange),
        )
    return table


def _latency_table(conversation: Conversation) -> Table:
    table = Table(title="Time in each node's own code, per item", box=box.ROUNDED)
    for name in ("node", "runs in"):
        table.add_column(name, no_wrap=True)
    for name in ("in", "out", "p50 ms", "p99 ms", "load ms", "copies"):
        table.add_column(name, justify="right", no_wrap=True)
    for node in conversation.plan.nodes:
        statistics = conversation.nodes.get(node.node_id, NodeStatistics())
        table.add_row(
            node.node_id,
            executor_or_process(node.executor, conversation.pids.get(node.node_id)),
            str(statistics.items_in),
            str(statistics.items_out),
            milliseconds(statistics.processing.quantile(0.5)),
            milliseconds(statistics.processing.quantile(0.99)),
            milliseconds(statistics.initialize_seconds),
            str(statistics.sent.copies + statistics.received.copies),
        )
    return table


def _latency(exchange: Exchange) -> str:
    seconds = exchange.latency_seconds
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
