"""Recordings and replays as rows."""

import itertools
from collections import defaultdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows

if TYPE_CHECKING:
    from ...recording import NodeReplay, RecordedItem, Recording, Replay

_MOST_DIFFERENCES: Final = 20


def recording_value(recording: "Recording") -> dict[str, Any]:
    """Return what a recording holds, as a JSON value."""
    return {
        "session_id": recording.session_id,
        "pipeline": recording.pipeline,
        "complete": recording.is_complete,
        "lost": recording.lost,
        "stopped": recording.end.get("stopped", ""),
        "error": recording.error.text if recording.error is not None else None,
        "streams": [
            {"node": node, "side": side, **_summary(items)}
            for (node, side), items in _streams(recording).items()
        ],
    }


def print_recording(console: Console, recording: "Recording") -> None:
    """Print the session of a recording, and a row for each node and side."""
    console.print(Text.assemble(("pipeline ", "dim"), recording.pipeline))
    console.print(Text.assemble(("session  ", "dim"), recording.session_id))
    error = recording.error
    if error is not None:
        console.print(Text.assemble(("error    ", "dim"), (error.text.splitlines()[0], "red")))
    if not recording.is_complete:
        console.print("The recording process was killed: the file ends at its last chunk.")
    if recording.lost:
        console.print(Text(f"{recording.lost} items were lost: they came too fast.", "yellow"))
    if recording.end.get("stopped"):
        console.print(Text(f"The recording stopped early: {recording.end['stopped']}."))
    rows = []
    for (node, side), items in _streams(recording).items():
        summary = _summary(items)
        rows.append(
            (
                Text(node, "bold"),
                Text(side),
                Text(str(summary["items"])),
                Text(f"{summary['seconds']:.3f}"),
                Text(f"{summary['longest_gap_seconds']:.3f}"),
                Text(f"{summary['mean_latency_ms']:.2f}"),
                Text(", ".join(summary["kinds"])),
            )
        )
    columns = (
        Column("node"),
        Column("side"),
        Column("items", justify="right"),
        Column("seconds", justify="right"),
        Column("gap s", justify="right"),
        Column("ms", justify="right"),
    )
    console.print()
    print_rows(console, columns, "kinds", rows)


def print_chunk(console: Console, recording: "Recording", sequence: int) -> None:
    """Print a row for each recorded item that came from one chunk."""
    rows = [
        (
            Text(f"{1000 * item.latency_seconds:.2f}"),
            Text(item.node_id, "bold"),
            Text(item.side.value),
            Text(_described(item)),
        )
        for item in recording
        if item.sequence == sequence
    ]
    if not rows:
        console.print(f"no item of sequence {sequence}")
        return
    columns = (Column("ms", justify="right"), Column("node"), Column("side"))
    print_rows(console, columns, "item", rows)


def print_replay(console: Console, replay: "Replay") -> None:
    """Print a row for each node of a replay, then the first differences."""
    columns = (
        Column("node"),
        Column("recorded", justify="right"),
        Column("new", justify="right"),
        Column("p50 ms", justify="right"),
        Column("new p50", justify="right"),
    )
    print_rows(console, columns, "result", [_replay_row(node) for node in replay.nodes])
    found = replay.differences
    if found:
        console.print()
    for difference in found[:_MOST_DIFFERENCES]:
        console.print(Text(str(difference)))
    if len(found) > _MOST_DIFFERENCES:
        console.print(Text(f"and {len(found) - _MOST_DIFFERENCES} more differences", "dim"))


def _replay_row(node: "NodeReplay") -> tuple[Text, ...]:
    count = len(node.differences)
    result = Text(f"{count} differences", "red") if count else Text("the same", "green")
    return (
        Text(node.node_id, "bold"),
        Text(str(len(node.recorded))),
        Text(str(len(node.new))),
        Text(f"{1000 * _median(node.recorded_seconds):.2f}"),
        Text(f"{1000 * _median(node.new_seconds):.2f}"),
        result,
    )


def _streams(recording: "Recording") -> dict[tuple[str, str], list["RecordedItem"]]:
    streams: defaultdict[tuple[str, str], list[RecordedItem]] = defaultdict(list)
    for item in recording:
        streams[item.node_id, item.side.value].append(item)
    return dict(streams)


def _summary(items: list["RecordedItem"]) -> dict[str, Any]:
    times = [item.time_ns for item in items]
    gaps = [later - time for time, later in itertools.pairwise(times)]
    return {
        "items": len(items),
        "began": datetime.fromtimestamp(times[0] / 1e9, UTC).isoformat(),
        "seconds": (times[-1] - times[0]) / 1e9,
        "longest_gap_seconds": max(gaps, default=0) / 1e9,
        "mean_latency_ms": 1000 * sum(item.latency_seconds for item in items) / len(items),
        "kinds": sorted({item.data.kind.value for item in items}),
    }


def _described(item: "RecordedItem") -> str:
    text = getattr(item.data, "text", "")
    return f"{item.data.kind.value} {text[:60]}".rstrip()


def _median(values: "list[float] | Any") -> float:
    ordered = sorted(values)
    return ordered[len(ordered) // 2] if ordered else 0.0
