"""A summary of latency as text: tables of the parts, and waterfalls of single results."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from ...errors import printable
from ...latency import (
    PARTS,
    LatencySummary,
    Part,
    QuantileLatency,
    ResultLatency,
    Stay,
    duration_text,
)

# A wider picture is not easier to read, and a pipe has no width.
_WIDEST: Final = 140
_NARROWEST: Final = 40
_LONGEST_NAME: Final = 20
_NUMBER: Final = 8
_GAP: Final = "  "
# A table has a picture beside its numbers if so much is left for it.
_NARROWEST_BAR: Final = 24

# Different without colours, too.
_SIGNS: Final[dict[Part, tuple[str, str]]] = {
    Part.QUEUE: ("░", "yellow"),
    Part.WIRE: ("·", "cyan"),
    Part.HOLD: ("▒", "magenta"),
    Part.PROCESS: ("█", "green"),
    Part.SEND: ("▓", "red"),
}
_CLIENT: Final = "client"


def print_summary(console: Console, summary: LatencySummary, *, notes: Sequence[str] = ()) -> None:
    """Print a summary as wide as the console."""
    for line in summary_lines(summary, console.width, notes=notes):
        console.print(line, soft_wrap=True)


def summary_lines(summary: LatencySummary, width: int, *, notes: Sequence[str] = ()) -> list[Text]:
    """Return a summary as lines.

    Args:
        summary: what to show.
        width: of the lines, in columns.
        notes: sentences for below the first line.
    """
    width = max(_NARROWEST, min(width, _WIDEST))
    lines = [_first_line(summary), *(Text(note) for note in notes)]
    if not summary.quantiles:
        return lines
    lines += [Text(), _legend()]
    for quantile in summary.quantiles:
        lines += [Text(), *_quantile_lines(quantile, width)]
    for name, results in (("typical", summary.typical), ("slowest", summary.slowest)):
        for result in results:
            lines += [Text(), *_result_lines(name, result, width)]
    return [wrapped for line in lines for wrapped in _wrapped(line, width)]


def _first_line(summary: LatencySummary) -> Text:
    if not summary.results:
        text = "no result has come yet that could be explained"
    elif summary.results == 1:
        text = "1 result explained"
    else:
        text = f"{summary.results} results explained"
    if summary.interval > 1:
        text += f", of 1 in {summary.interval} chunks"
    if summary.incomplete:
        text += f"; {summary.incomplete} left out, whose way is not known"
    return Text(text)


def _legend() -> Text:
    line = Text()
    for part in PARTS:
        sign, style = _SIGNS[part]
        line.append(sign * 2, style)
        line.append(f" {part.value}   ", "dim")
    line.rstrip()
    return line


def _quantile_lines(quantile: QuantileLatency, width: int) -> Iterator[Text]:
    yield Text(f"p{100 * quantile.quantile:.0f}  {duration_text(quantile.total_ns)}", "bold")
    yield Text(f"  {printable(quantile.diagnosis)}")
    names = [_name(stay) for stay in quantile.stays]
    column = _name_width(names, width)
    bar = width - column - (len(PARTS) + 1) * (_NUMBER + len(_GAP)) - len(_GAP)
    heading = Text(" " * column, "dim")
    for title in (*(part.value for part in PARTS), "sum"):
        heading.append(f"{_GAP}{title:>{_NUMBER}}")
    yield heading
    # The client that sends comes first, and the one that receives last.
    owner_at = 0 if quantile.part is Part.SEND else len(names) - 1
    before_ns = 0
    for place, (name, stay) in enumerate(zip(names, quantile.stays, strict=True)):
        line = Text(_cell(name, column))
        is_owner = stay.node_id == quantile.owner and (stay.node_id != "" or place == owner_at)
        for part in PARTS:
            nanoseconds = stay.part(part)
            style = "bold" if is_owner and part is quantile.part else ""
            line.append(_GAP)
            line.append(f"{_number(nanoseconds):>{_NUMBER}}", style if nanoseconds else "dim")
        line.append(f"{_GAP}{_number(stay.total_ns):>{_NUMBER}}", "bold")
        if bar >= _NARROWEST_BAR:
            line.append(_GAP)
            line.append_text(_bar(stay, before_ns, quantile.total_ns, bar))
        before_ns += stay.total_ns
        yield line


def _result_lines(title: str, result: ResultLatency, width: int) -> Iterator[Text]:
    yield Text.assemble(
        (title, "bold"),
        f"  chunk {result.sequence}, result of {printable(result.node_id)}  ",
        (duration_text(result.total_ns), "bold"),
    )
    names = [_name(stay) for stay in result.stays]
    column = _name_width(names, width)
    bar = width - column - 2 * _NUMBER - 3 * len(_GAP)
    before_ns = 0
    for name, stay in zip(names, result.stays, strict=True):
        line = Text(_cell(name, column) + _GAP)
        line.append_text(_bar(stay, before_ns, result.total_ns, bar))
        line.append(f"{_GAP}{_number(stay.total_ns):>{_NUMBER}}")
        longest = max(PARTS, key=stay.part)
        if stay.part(longest):
            line.append(f"{_GAP}{longest.value}", "dim")
        before_ns += stay.total_ns
        yield line


def _bar(stay: Stay, before_ns: int, total_ns: int, width: int) -> Text:
    """Return the parts of a stay at their place in the whole time."""
    line = Text()
    at = before_ns
    scale = width / max(total_ns, 1)
    # From place to place, and not each length by itself: so the rounded ones add up, too.
    line.append(" " * round(at * scale))
    for part in PARTS:
        begin, at = round(at * scale), at + stay.part(part)
        sign, style = _SIGNS[part]
        line.append(sign * (round(at * scale) - begin), style)
    if stay.total_ns and not line.plain.strip():
        # Too short for a column, but it is there.
        line = Text(" " * min(round(before_ns * scale), width - 1))
        line.append("▏", _SIGNS[max(PARTS, key=stay.part)][1])
    line.append(" " * (width - cell_len(line.plain)))
    return line


def _name(stay: Stay) -> str:
    return printable(stay.node_id) or _CLIENT


def _name_width(names: Sequence[str], width: int) -> int:
    return min(max(map(cell_len, names)), _LONGEST_NAME, max(6, width // 5))


def _cell(name: str, width: int) -> str:
    if cell_len(name) <= width:
        return set_cell_size(name, width)
    return set_cell_size(name, width - 1) + "…"


def _number(nanoseconds: int) -> str:
    return duration_text(nanoseconds) if nanoseconds else "-"


def _wrapped(line: Text, width: int) -> Iterator[Text]:
    """Break a sentence at words, and indent the rest."""
    if cell_len(line.plain) <= width:
        yield line
        return
    console = Console(width=width)
    indent = " " * (len(line.plain) - len(line.plain.lstrip()))
    for each in line[len(indent) :].wrap(console, width - len(indent)):
        each.rstrip()
        yield Text(indent).append_text(each)
