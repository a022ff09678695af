"""The consoles of standard error and standard output; everything they print is made safe."""

import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any, Final, TextIO

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from ...errors import printable_json, printable_lines
from ..errors import CommandError

# A table in a file or a pipe is not wrapped: no screen limits it.
_WIDTH_OF_FILES: Final = 1000


class _SafeConsole(Console):
    """A console that prints text as it is: no markup, no emoji codes, control characters escaped.

    Manifests, nodes, clients and file names bring text; none of it may move the cursor, recolour
    the screen or be taken for markup.
    """

    def __init__(self, file: TextIO, **options: Any) -> None:
        super().__init__(file=file, highlight=False, markup=False, emoji=False, **options)

    def print(self, *objects: Any, **options: Any) -> None:
        """Print objects; strings and `Text` are made printable before their layout."""
        super().print(*map(_made_printable, objects), **options)

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Render anything, such as the cells of a table, and make its text printable."""
        for segment in super().render(renderable, options):
            text, style, control = segment
            yield segment if control else Segment(printable_lines(text), style)

    def on_broken_pipe(self) -> None:
        """Let `errors_reported` choose the exit status of a closed pipe."""
        raise BrokenPipeError


class _Output:
    """Standard output; an error of writing becomes a `CommandError`, for a closed pipe it stays."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text."""
        with _writing():
            return self._stream.write(text)

    def flush(self) -> None:
        """Write what is buffered."""
        with _writing():
            self._stream.flush()


class _Messages:
    """Standard error; a message that cannot be written is lost.

    A full disk or a closed pipe under the messages must not end a server, nor change the outcome
    of a command.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        """Write text, if that is possible."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Write what is buffered, if that is possible."""
        try:
            self._stream.flush()
        except OSError:
            return


def error_console() -> Console:
    """Return the console of standard error; lines are wrapped at words, on a terminal only."""
    stream: Any = _Messages(sys.stderr)
    return _SafeConsole(stream, stderr=True, soft_wrap=not sys.stderr.isatty())


def output_console() -> Console:
    """Return the console of standard output."""
    stream: Any = _Output(sys.stdout)
    return _SafeConsole(stream, width=None if sys.stdout.isatty() else _WIDTH_OF_FILES)


def print_json(value: object) -> None:
    """Print a value on standard output as JSON."""
    print_text(printable_json(json.dumps(value, indent=2, ensure_ascii=False)) + "\n")


def print_text(text: str) -> None:
    """Print a document on standard output exactly, however long its lines are."""
    output = _Output(sys.stdout)
    output.write(text)
    output.flush()


@contextmanager
def stdout_for_results() -> Iterator[int]:
    """Yield a descriptor of standard output that only the caller has.

    All other output of the block goes to standard error: modules of nodes that print while they
    are imported, native actors, libraries in C. Without it `millrace run ... | other` would mix
    their output with the results.
    """
    sys.stdout.flush()
    results = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield results
    finally:
        os.dup2(results, 1)
        os.close(results)


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"stdout: cannot be written: {error.strerror}") from error


def _made_printable(value: Any) -> Any:
    if isinstance(value, str):
        return printable_lines(value)
    if isinstance(value, Text) and printable_lines(value.plain) != value.plain:
        return _printable_text(value)
    return value


def _printable_text(text: Text) -> Text:
    """Return styled text with its control characters escaped, each piece in its style."""
    pieces = text.divide(sorted({end for span in text.spans for end in (span.start, span.end)}))
    result = Text(style=text.style, justify=text.justify, overflow=text.overflow, end=text.end)
    for piece in pieces:
        styled = Text(printable_lines(piece.plain))
        for span in piece.spans:
            styled.stylize(span.style)
        result.append_text(styled)
    return result
