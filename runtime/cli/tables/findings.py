"""What `millrace doctor` has found, as rows."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.text import Text

from .layout import Column, print_rows

if TYPE_CHECKING:
    from ..doctor import Finding

_STYLES: Final = {"ok": "green", "warning": "yellow", "error": "bold red"}


def print_findings(console: Console, findings: "Iterable[Finding]") -> None:
    """Print what each check has found, and what to do."""
    rows = [
        (
            Text(finding.check, "bold"),
            Text(finding.state.value, _STYLES[finding.state.value]),
            Text(finding.found),
            Text(finding.advice),
        )
        for finding in findings
    ]
    columns = (Column("check"), Column("state"), Column("found", wraps=True))
    print_rows(console, columns, "what to do", rows)
