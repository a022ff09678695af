"""What `millrace run` shows while it runs: a live picture in a terminal, plain lines elsewhere."""

import time
from typing import TYPE_CHECKING, Final, Protocol, Self

from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from actors import Audio

if TYPE_CHECKING:
    from rich.console import Console

    from actors import Data

    from ..events import InitProgress

_STOPPING: Final = "stopping; once more ends it at once"


class View(Protocol):
    """Somebody who watches a run. Called in the event loop: never slow."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(self, *error: object) -> None:
        """End."""

    def progress(self, progress: "InitProgress") -> None:
        """A node's initialization has come further."""

    def ready(self) -> None:
        """All nodes are initialized."""

    def sent(self, data: "Data", fraction: float | None) -> None:
        """An item went in; `fraction` of all input was read, where that is known."""

    def received(self) -> None:
        """A result came out."""

    def stopping(self) -> None:
        """A signal asked the run to stop."""


class Tally:
    """Counts what goes in and out, and says so."""

    def __init__(self) -> None:
        self.items = 0
        self.results = 0
        self.audio_seconds = 0.0
        self._began = time.monotonic()

    def count(self, data: "Data") -> None:
        """Count an item that went in."""
        self.items += 1
        if isinstance(data, Audio):
            self.audio_seconds += data.duration_seconds

    def __str__(self) -> str:
        """Return the counts, for people."""
        fed = (
            f"{self.audio_seconds:.1f} s of audio" if self.audio_seconds else _n(self.items, "item")
        )
        return f"{fed} in, {_n(self.results, 'result')} out"

    @property
    def seconds(self) -> float:
        """How long it has been counting."""
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
    """Prints a line per event: where a node is with its initialization, and the sum at the end."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._tally = Tally()
        self._said: dict[str, str] = {}

    def __exit__(self, *error: object) -> None:
        """Print the sum, if all went well."""
        if error[0] is None:
            self._print(f"done: {self._tally}, {self._tally.seconds:.1f} s")

    def progress(self, progress: "InitProgress") -> None:
        """Print what a node is doing, if it is new and not just that it starts."""
        doing = progress.message or progress.status.replace("_", " ")
        if (
            progress.status not in ("starting", "error")
            and self._said.get(progress.node_id) != doing
        ):
            self._said[progress.node_id] = doing
            self._print(f"{progress.node_id}: {doing}")

    def ready(self) -> None:
        """Print how long it took."""
        self._print(f"ready in {self._tally.seconds:.1f} s")

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Count."""
        self._tally.count(data)

    def received(self) -> None:
        """Count."""
        self._tally.results += 1

    def stopping(self) -> None:
        """Print what a second signal does."""
        self._print(_STOPPING)

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False)


class LiveView(SilentView):
    """A bar per node until all are ready, then one for the input.

    Args:
        results_here: results are printed on the same terminal: a bar would run through them.
    """

    def __init__(self, console: "Console", *, results_here: bool) -> None:
        self._tally = Tally()
        self._results_here = results_here
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", style="bold", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[doing]}", style="dim", markup=False),
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
        """Take the picture away, and leave one line."""
        self._progress.stop()
        if error[0] is None:
            line = f"{self._tally}, {self._tally.seconds:.1f} s"
            self._console.print(line, style="dim", markup=False)

    def progress(self, progress: "InitProgress") -> None:
        """Move a node's bar."""
        node = progress.node_id
        doing = progress.message or progress.status.replace("_", " ")
        done = 1.0 if progress.status == "ready" else progress.fraction
        if node not in self._node_bars:
            self._node_bars[node] = self._progress.add_task(node, total=1.0, doing=doing)
        self._progress.update(self._node_bars[node], completed=done, doing=doing)

    def ready(self) -> None:
        """Replace the nodes' bars by the input's."""
        for bar in self._node_bars.values():
            self._progress.remove_task(bar)
        if self._results_here:
            self._progress.stop()
        else:
            self._input_bar = self._progress.add_task("running", total=None, doing="")

    def sent(self, data: "Data", fraction: float | None) -> None:
        """Move the input's bar."""
        self._tally.count(data)
        self._move(fraction)

    def received(self) -> None:
        """Count."""
        self._tally.results += 1
        self._move(None)

    def stopping(self) -> None:
        """Take the picture away, as a second signal would not."""
        self._progress.stop()
        self._console.print(_STOPPING, style="dim", markup=False)

    def _move(self, fraction: float | None) -> None:
        if self._input_bar is None:
            return
        if fraction is not None:
            self._progress.update(self._input_bar, total=1.0, completed=fraction)
        self._progress.update(self._input_bar, doing=str(self._tally))


def _n(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
