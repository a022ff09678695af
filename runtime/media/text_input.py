"""Reads text and JSON from files, whole or line by line."""

import io
import json
from collections.abc import Iterator
from typing import Final, NoReturn

from actors import Json, Text

from .errors import MediaError

# No item of a pipeline is longer, and a file without line ends must not fill the memory.
LONGEST_ITEM_BYTES: Final = 64 * 1024 * 1024
_BOM: Final = "\ufeff"


def read_text_lines(file: io.BufferedReader, name: str) -> Iterator[Text]:
    """Yield a text for each line, without its line end.

    Raises:
        MediaError: a line is not UTF-8, or too long.
    """
    for _, line in _lines(file, name):
        yield Text(line)


def read_whole_text(file: io.BufferedReader, name: str) -> Iterator[Text]:
    """Yield the whole file as one text; nothing if it is empty.

    Raises:
        MediaError: it is not UTF-8, or longer than an item may be.
    """
    text = "".join(line + "\n" for _, line in _lines(file, name, whole=True))
    if text:
        yield Text(text)


def read_json_lines(file: io.BufferedReader, name: str) -> Iterator[Json]:
    """Yield a JSON value for each line; blank lines are ignored.

    Raises:
        MediaError: a line is not JSON; the message has its number.
    """
    for number, line in _lines(file, name):
        if line.strip():
            yield _checked(line.strip(), f"{name}, line {number}")


def read_whole_json(file: io.BufferedReader, name: str) -> Iterator[Json]:
    """Yield the JSON value of the file.

    Raises:
        MediaError: it is not JSON; the message has the line.
    """
    yield _checked("\n".join(line for _, line in _lines(file, name, whole=True)), name)


def _lines(file: io.BufferedReader, name: str, *, whole: bool = False) -> Iterator[tuple[int, str]]:
    """Yield each decoded line with its number; with `whole`, bound the sum of their lengths."""
    number = total = 0
    while raw := file.readline(LONGEST_ITEM_BYTES + 1):
        number += 1
        total = total + len(raw) if whole else len(raw)
        if total > LONGEST_ITEM_BYTES:
            raise MediaError(
                f"{name}, line {number}: longer than {LONGEST_ITEM_BYTES} bytes, the "
                "limit of one item"
            )
        try:
            line = raw.decode()
        except UnicodeDecodeError as error:
            raise MediaError(
                f"{name}, line {number}: not UTF-8 text (byte 0x{raw[error.start]:02x} at "
                f"byte {error.start + 1} of the line); convert it, with iconv for example"
            ) from error
        yield number, (line.removeprefix(_BOM) if number == 1 else line).rstrip("\r\n")


def _checked(text: str, place: str) -> Json:
    try:
        json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        where = f"column {error.colno}"
        if ", line " not in place:
            where = f"line {error.lineno}, {where}"
        raise MediaError(f"{place}, {where}: not JSON: {error.msg}") from error
    except ValueError as error:
        raise MediaError(f"{place}: not JSON: {error}") from error
    except RecursionError as error:
        raise MediaError(f"{place}: not usable JSON: nested too deeply") from error
    return Json.from_text(text)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")
