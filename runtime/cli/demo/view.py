"""What the demonstration shows in the terminal, while it runs and at the end."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import zip_longest

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text as Line

from ...events import InitProgress
from ...execution import NodeStatistics
from ...plan import Plan
from .assistant import Exchange, Outcome

_METER_CELLS = 24


class View:
    """The live picture: every node with its state, the sound level, and what was said.

    On something that is no terminal it prints a line per event instead.
    """

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._progress: dict[str, InitProgress] = {}
        self._level = 0.0
        self._heard_seconds = 0.0
        self._outcome = Outcome(plan)
        self._shown_exchanges = 0
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "View":
        if self._console.is_terminal:
            self._live.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._console.is_terminal:
            self._live.__exit__(None, None, None)

    def progress(self, progress: InitProgress) -> None:
        """Show how far a node's initialization is."""
        self._progress[progress.node_id] = progress
        if not self._console.is_terminal:
            self._console.print(
                f"{progress.node_id}: {progress.status} {progress.fraction:.0%} "
                f"{progress.message}".rstrip(),
                highlight=False,
            )

    def level(self, heard_seconds: float, peak: float) -> None:
        """Show how loud it is."""
        self._heard_seconds = heard_seconds
        self._level = max(peak, self._level * 0.85)

    def refreshed(self, outcome: Outcome) -> None:
        """Show the latest figures and exchanges."""
        self._outcome = outcome
        if not self._console.is_terminal:
            for exchange in outcome.exchanges[self._shown_exchanges :]:
                self._console.print(
                    f"heard: {exchange.understood} | answer: {exchange.answer}", highlight=False
                )
            self._shown_exchanges = len(outcome.exchanges)

    def __rich__(self) -> RenderableType:
        cells = round(min(self._level, 1.0) * _METER_CELLS)
        meter = Line.assemble(
            (f"{self._heard_seconds:5.1f} s  ", "dim"),
            ("▮" * cells, "green"),
            ("▯" * (_METER_CELLS - cells), "dim"),
        )
        talk = [
            Line.assemble(
                ("you    ", "cyan"), each.understood, "\n", ("house  ", "magenta"), each.answer
            )
            for each in self._outcome.exchanges[-4:]
        ]
        return Panel(
            Group(self._nodes(), "", meter, *talk),
            title="[bold]Millrace[/]: a voice assistant for the home",
            border_style="blue",
            expand=False,
        )

    def _nodes(self) -> Table:
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for name in ("node", "type", "runs in", "state"):
            table.add_column(name, no_wrap=True)
        for name in ("in", "out", "p50 ms"):
            table.add_column(name, justify="right", no_wrap=True)
        for node in self._plan.nodes:
            figures = self._outcome.nodes.get(node.node_id, NodeStatistics())
            pid = self._outcome.pids.get(node.node_id)
            table.add_row(
                node.node_id,
                node.node_type.name,
                _place(node.executor, pid),
                self._state(node.node_id),
                str(figures.items_in),
                str(figures.items_out),
                _milliseconds(figures.processing.quantile(0.5)),
            )
        return table

    def _state(self, node_id: str) -> RenderableType:
        progress = self._progress.get(node_id)
        if progress is None:
            return Line("waiting", "dim")
        if progress.status == "ready":
            return Line("● ready", "green")
        return ProgressBar(total=1.0, completed=progress.fraction, width=16)


def print_report(console: Console, said: Sequence[str] | None, outcome: Outcome) -> bool:
    """Print what came out; return whether every command was understood word for word.

    Args:
        console: where to.
        said: the commands; None where they are not known, as for a recording.
        outcome: of the run.
    """
    console.print(_exchange_table(said, outcome))
    console.print(_latency_table(outcome))
    totals = outcome.totals
    console.print(
        f"{len(outcome.pids)} processes started, ready in {outcome.ready_seconds:.2f} s; "
        f"{totals.shared_bytes / 1e6:.1f} MB through shared memory; {totals.copies} copies "
        f"({totals.copied_bytes / 1e6:.1f} MB)",
        highlight=False,
    )
    if said is None:
        return bool(outcome.exchanges)
    understood = [exchange.understood for exchange in outcome.exchanges]
    right = sum(pair[0] == pair[1] for pair in align(said, understood))
    style = "green" if right == len(said) == len(understood) else "red"
    console.print(
        f"[{style}]{right} of {len(said)} commands understood word for word[/]", highlight=False
    )
    return right == len(said) == len(understood)


def align(said: Sequence[str], understood: Sequence[str]) -> list[tuple[str, str]]:
    """Pair what was said with what was understood; a missing or extra one faces an empty text.

    >>> align(["a", "b", "c"], ["a", "x", "c"])
    [('a', 'a'), ('b', 'x'), ('c', 'c')]
    >>> align(["a", "b"], ["b"])
    [('a', ''), ('b', 'b')]
    """
    pairs: list[tuple[str, str]] = []
    matcher = SequenceMatcher(None, said, understood, autojunk=False)
    for _, left, left_end, right, right_end in matcher.get_opcodes():
        pairs += zip_longest(said[left:left_end], understood[right:right_end], fillvalue="")
    return pairs


def _exchange_table(said: Sequence[str] | None, outcome: Outcome) -> Table:
    table = Table(title="What was said, and what was understood", box=box.ROUNDED)
    columns = ("understood", "answer") if said is None else ("said", "understood", "answer")
    for name in columns:
        table.add_column(name)
    table.add_column("after", justify="right", no_wrap=True)
    if said is None:
        for each in outcome.exchanges:
            table.add_row(each.understood, each.answer, _after(each.answered_after_seconds))
        return table
    heard = iter(outcome.exchanges)
    for spoken, understood in align(said, [each.understood for each in outcome.exchanges]):
        style = "green" if spoken == understood else "red"
        exchange = next(heard) if understood else Exchange("")
        table.add_row(
            spoken or "[dim]nothing[/]",
            f"[{style}]{understood or 'nothing'}[/]",
            exchange.answer,
            _after(exchange.answered_after_seconds),
        )
    return table


def _latency_table(outcome: Outcome) -> Table:
    table = Table(title="Time in each node's own code, per item", box=box.ROUNDED)
    for name in ("node", "runs in"):
        table.add_column(name, no_wrap=True)
    for name in ("in", "out", "p50 ms", "p99 ms", "load ms", "copies"):
        table.add_column(name, justify="right", no_wrap=True)
    for node in outcome.plan.nodes:
        figures = outcome.nodes.get(node.node_id, NodeStatistics())
        table.add_row(
            node.node_id,
            _place(node.executor, outcome.pids.get(node.node_id)),
            str(figures.items_in),
            str(figures.items_out),
            _milliseconds(figures.processing.quantile(0.5)),
            _milliseconds(figures.processing.quantile(0.99)),
            _milliseconds(figures.initialize_seconds),
            str(figures.sent.copies + figures.received.copies),
        )
    return table


def _place(executor: str, pid: int | None) -> str:
    return executor if pid is None else f"process {pid}"


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def _after(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"
