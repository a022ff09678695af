"""`millrace demo` says what it cannot use before it starts, with the exit status of `run`."""

from pathlib import Path

import pytest

from tests.cli.commands import millrace


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "missing.wav"], "error: missing.wav: cannot be read: No such file"),
        (["--output", "missing/a.wav"], "error: missing/a.wav: cannot be written: No such file"),
        (["--input", "a.wav", "--microphone", "3"], "give --input or --microphone, not both"),
        (["--web", "--input", "a.wav"], "give --web alone: the browser records"),
    ],
)
def test_a_file_that_cannot_be_used_is_status_2(
    arguments: list[str], told: str, tmp_path: Path
) -> None:
    done = millrace("demo", *arguments, folder=tmp_path)
    assert done.returncode == 2
    assert told in done.stderr
    assert done.stdout == ""
