"""What `millrace run` shows while it runs: progress bars on a terminal, plain lines elsewhere."""

import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from actors import Audio

from ...errors import printable, shortened

if TYPE_CHECKING:
    from rich.console import Console

    from actors import Data

    from ...events import InitProgress

_STOPPING: Final = "stopping; a second Ctrl-C ends the process at once"
_MESSAGE_CHARACTERS: Final = 200


class ProgressView(Protocol):
    """Shows the progress of a run. Its methods run in the event loop, and must be quick."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""

    def progress(self, progress: "InitProgress") -> None:
        """Show how far a node's initialization is."""

    def ready(self) -> None:
        """Show that all nodes are initialized."""

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Count a chunk; `fraction` of all input was read, where that is known."""

    def received(self) -> None:
        """Count a result."""

    def stopping(self) -> None:
        """Show that a signal stops the run."""


class Counters:
    """Counts chunks and results."""

    def __init__(self) -> None:
        self.chunks = 0
        self.results = 0
        self.audio_seconds = 0.0
        self._began = time.monotonic()

    def count(self, data: "Data") -> None:
        """Count a chunk."""
        self.chunks += 1
        if isinstance(data, Audio):
            self.audio_seconds += data.duration_seconds

    def __str__(self) -> str:
        """Return the counts, for people."""
        sent = (
            f"{self.audio_seconds:.1f} s of audio"
            if self.audio_seconds
            else _counted(self.chunks, "item")
        )
        return f"{sent} in, {_counted(self.results, 'result')} out"

    @property
    def seconds(self) -> float:
        """The time since the beginning."""
        return time.monotonic() - self._began


class SilentView:
    """Shows nothing."""

    def __enter__(self) -> Self:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """End."""

    def progress(self, progress: "InitProgress") -> None:
        """Show nothing."""

    def ready(self) -> None:
        """Show nothing."""

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Show nothing."""

    def received(self) -> None:
        """Show nothing."""

    def stopping(self) -> None:
        """Show nothing."""


class LineView(SilentView):
    """Prints a line for each step of a node's initialization, and the counts at the end."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._counters = Counters()
        self._last_steps: dict[str, str] = {}

    def __exit__(self, *error: object) -> None:
        """Print the counts, unless the run failed."""
        if error[0] is None:
            self._console.print(f"done: {self._counters}, {self._counters.seconds:.1f} s")

    def progress(self, progress: "InitProgress") -> None:
        """Print what a node does, if that has changed."""
        step = _step(progress)
        is_new = self._last_steps.get(progress.node_id) != step
        # "starting" is true of every node, and an error is reported at the end.
        if is_new and progress.status not in ("starting", "error"):
            self._last_steps[progress.node_id] = step
            self._console.print(f"{progress.node_id}: {step}")

    def ready(self) -> None:
        """Print how long the initialization took."""
        self._console.print(f"ready in {self._counters.seconds:.1f} s")

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Count."""
        self._counters.count(data)

    def received(self) -> None:
        """Count."""
        self._counters.results += 1

    def stopping(self) -> None:
        """Print what a second signal does."""
        self._console.print(_STOPPING)


class LiveView(SilentView):
    """Shows a progress bar for each node until all are ready, then one for the input.

    Args:
        shares_terminal: whether results are printed on the same terminal, where they would mix
            with the bar of the input.
    """

    def __init__(self, console: "Console", *, shares_terminal: bool) -> None:
        self._counters = Counters()
        self._shares_terminal = shares_terminal
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[step]}", style="dim", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._node_bars: dict[str, TaskID] = {}
        self._input_bar: TaskID | None = None

    def __enter__(self) -> Self:
        """Begin to draw."""
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        """Remove the bars; print the counts, unless the run failed."""
        self._progress.stop()
        if error[0] is None:
            self._console.print(f"{self._counters}, {self._counters.seconds:.1f} s", style="dim")

    def progress(self, progress: "InitProgress") -> None:
        """Move a node's bar."""
        node, step = progress.node_id, _step(progress)
        fraction = 1.0 if progress.status == "ready" else progress.fraction
        if node not in self._node_bars:
            self._node_bars[node] = self._progress.add_task(node, total=1.0, step=step)
        self._progress.update(self._node_bars[node], completed=fraction, step=step)

    def ready(self) -> None:
        """Replace the nodes' bars by the input's."""
        for bar in self._node_bars.values():
            self._progress.remove_task(bar)
        if self._shares_terminal:
            self._progress.stop()
        else:
            self._input_bar = self._progress.add_task("running", total=None, step="")

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Move the input's bar."""
        self._counters.count(data)
        self._update(fraction)

    def received(self) -> None:
        """Count."""
        self._counters.results += 1
        self._update(None)

    def stopping(self) -> None:
        """Remove the bars now: a second signal would leave them on the screen."""
        self._progress.stop()
        self._console.print(_STOPPING, style="dim")

    def _update(self, fraction: float | None) -> None:
        if self._input_bar is None:
            return
        if fraction is not None:
            self._progress.update(self._input_bar, total=1.0, completed=fraction)
        self._progress.update(self._input_bar, step=str(self._counters))


def _step(progress: "InitProgress") -> str:
    """Return what a node does, on one line: its message, or its status."""
    step = progress.message or progress.status.replace("_", " ")
    return shortened(printable(step), _MESSAGE_CHARACTERS)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
