"""The table of errors in the documentation agrees with the code."""

from pathlib import Path

from runtime.errors import CallerError
from runtime.service.call_errors import status_of
from tests.errors.every_error import EVERY_ERROR

PAGE = Path(__file__).parents[2] / "docs/reference/errors.md"
ROOTS = {"MillraceError", "CallerError", "OperationalError"}


def rows() -> dict[str, tuple[str, ...]]:
    lines = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith("| `")]
    cells = [[cell.strip(" `") for cell in line.strip("| ").split(" | ")] for line in lines]
    return {name: tuple(row[:3]) for name, *row in cells}


def test_the_reference_has_root_type_and_status_of_every_error() -> None:
    assert rows() == {
        type(error).__name__: (
            "caller" if isinstance(error, CallerError) else "operational",
            error.error_type.name,
            status_of(error).name,
        )
        for error in EVERY_ERROR
        if type(error).__name__ not in ROOTS
    }
