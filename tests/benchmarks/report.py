"""Results of a measurement: a table for people, and a JSON file with every figure."""

import json
import os
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from .machine_load import MachineLoad

FOLDER: Final = Path("build/benchmarks")


def median(times: Iterable[float]) -> float:
    """Return the median."""
    return statistics.median(times)


def p99(times: Sequence[float]) -> float:
    """Return the 99th percentile."""
    return statistics.quantiles(times, n=100, method="inclusive")[98]


@dataclass(slots=True)
class Report:
    """One measurement's results. Create it before measuring: it tells what else ran meanwhile.

    Attributes:
        name: of the measurement, and of its file.
        title: says what the figures are, and their unit.
        columns: the first is the name of a row; the others are figures.
    """

    name: str
    title: str
    columns: Sequence[str]
    rows: list[Sequence[str]] = field(default_factory=list)
    figures: dict[str, object] = field(default_factory=dict)
    load: MachineLoad = field(default_factory=MachineLoad)

    def add(self, label: str, **figures: float) -> None:
        """Add a row; each figure belongs to the column at its position."""
        self.add_shown(label, [_shown(figure) for figure in figures.values()], figures)

    def add_shown(self, label: str, shown: Sequence[str], figures: Mapping[str, object]) -> None:
        """Add a row of texts, and the figures that they show."""
        self.rows.append((label, *shown))
        self.figures[label] = dict(figures)

    def show(self) -> None:
        """Print the table, and write the file."""
        load = self.load.describe()
        print_table(self.title, self.columns, self.rows, load)
        content = {
            "name": self.name,
            "title": self.title,
            "machine": machine(),
            "load": load,
            "date": datetime.now().astimezone().isoformat(timespec="seconds"),
            "figures": self.figures,
        }
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{self.name}.json").write_text(json.dumps(content, indent=2) + "\n")


def print_table(
    title: str, columns: Sequence[str], rows: Iterable[Sequence[str]], load: str = ""
) -> None:
    """Print a table; all columns but the first are figures.

    Args:
        title: of the table.
        columns: their names.
        rows: of as many texts.
        load: what else the machine did.
    """
    table = Table(title=title, caption="\n".join(filter(None, (machine(), load))))
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)


def machine() -> str:
    """Return a description of the machine and the date."""
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, {model}"


def _shown(figure: float) -> str:
    return f"{figure:.2f}" if abs(figure) < 10 else f"{figure:.0f}"
