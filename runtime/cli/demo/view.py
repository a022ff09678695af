"""The live view of the demo."""

from typing import Final

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
from .conversation import Conversation
from .units import executor_or_process, milliseconds

_METER_CELLS: Final = 24
_SHOWN_EXCHANGES: Final = 4
# Of the last peak, what the meter keeps at each chunk: it falls slower than the level.
_METER_DECAY: Final = 0.85


class DemoView:
    """Shows every node with its state, the audio level, and the last exchanges.

    On a terminal it is one picture that changes; elsewhere a line for each event.
    """

    def __init__(self, console: Console, plan: Plan) -> None:
        self._console = console
        self._plan = plan
        self._progress: dict[str, InitProgress] = {}
        self._level = 0.0
        self._sent_seconds = 0.0
        self._conversation = Conversation(plan)
        self._printed_exchanges = 0
        self._live = Live(self, console=console, refresh_per_second=8, transient=True)

    def __enter__(self) -> "DemoView":
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
                f"{progress.message}".rstrip()
            )

    def level(self, sent_seconds: float, peak: float) -> None:
        """Show the level of the audio."""
        self._sent_seconds = sent_seconds
        self._level = max(peak, self._level * _METER_DECAY)

    def refresh(self, conversation: Conversation) -> None:
        """Show the latest statistics and exchanges."""
        self._conversation = conversation
        if not self._console.is_terminal:
            for exchange in conversation.exchanges[self._printed_exchanges :]:
                self._console.print(f"heard: {exchange.recognized} | answer: {exchange.answer}")
            self._printed_exchanges = len(conversation.exchanges)

    def __rich__(self) -> RenderableType:
        cells = round(min(self._level, 1.0) * _METER_CELLS)
        meter = Line.assemble(
            (f"{self._sent_seconds:5.1f} s  ", "dim"),
            ("▮" * cells, "green"),
            ("▯" * (_METER_CELLS - cells), "dim"),
        )
        exchanges = [
            Line.assemble(
                ("you    ", "cyan"), each.recognized, "\n", ("house  ", "magenta"), each.answer
            )
            for each in self._conversation.exchanges[-_SHOWN_EXCHANGES:]
        ]
        return Panel(
            Group(self._nodes(), "", meter, *exchanges),
            title=Line.assemble(("Millrace", "bold"), ": a voice assistant for the home"),
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
            statistics = self._conversation.nodes.get(node.node_id, NodeStatistics())
            pid = self._conversation.pids.get(node.node_id)
            table.add_row(
                node.node_id,
                node.node_type.name,
                executor_or_process(node.executor, pid),
                self._state(node.node_id),
                str(statistics.items_in),
                str(statistics.items_out),
                milliseconds(statistics.processing.quantile(0.5)),
            )
        return table

    def _state(self, node_id: str) -> RenderableType:
        progress = self._progress.get(node_id)
        if progress is None:
            return Line("waiting", "dim")
        if progress.status == "ready":
            return Line("● ready", "green")
        return ProgressBar(total=1.0, completed=progress.fraction, width=16)
