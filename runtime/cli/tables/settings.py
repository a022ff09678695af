"""Settings as rows: of one session, or of everything."""

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from ...plan import Source
from .layout import Column, print_rows

if TYPE_CHECKING:
    from ...plan import Plan, SettingEntry


def print_session_settings(console: Console, plan: "Plan", *, everything: bool) -> None:
    """Print the settings of a plan's session: those that are not defaults, or all."""
    rows = [
        (Text(name, "bold"), Text(str(setting.value)), _source(setting.source.label, setting.note))
        for name, setting in plan.settings.entries()
        if everything or setting.source is not Source.DEFAULT or setting.note
    ]
    if rows:
        console.print()
        print_rows(console, (Column("setting"), Column("value", wraps=True)), "from", rows)


def print_settings(console: Console, entries: "Iterable[SettingEntry]") -> None:
    """Print every setting: its value, its source, and what it means."""
    rows = [
        (
            Text(entry.key, "bold"),
            Text(json.dumps(entry.value, ensure_ascii=False)),
            _source(entry.source, entry.note),
            Text(entry.description, "dim"),
        )
        for entry in entries
    ]
    columns = (Column("setting"), Column("value", wraps=True), Column("from", wraps=True))
    print_rows(console, columns, "meaning", rows)


def _source(source: str, note: str) -> Text:
    text = f"{source}, {note}" if note else source
    return Text(text, "dim" if source == Source.DEFAULT.label else "yellow")
