"""The secret headers of requests to the collector of traces."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..errors import ConfigError, Fault
from .settings import Tracing

_VARIABLE: Final = "MILLRACE_TRACING_HEADERS"
_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*([!-~](?:[ -~]*[!-~])?)")


def tracing_headers(settings: Tracing, environment: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that requests to the collector have. They are never shown.

    Those of MILLRACE_TRACING_HEADERS, separated by commas, are added to those of the file.

    Raises:
        ConfigError: the file cannot be read, or a header is not name=value. The message does not
            hold the header.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    if settings.headers_file is not None:
        where = f"tracing.headers_file {settings.headers_file}"
        _add(found, faults, where, _lines_of(where, settings.headers_file, faults))
    _add(found, faults, _VARIABLE, environment.get(_VARIABLE, "").split(","))
    if faults:
        raise ConfigError(faults)
    return found


def _add(headers: dict[str, str], faults: list[Fault], where: str, lines: list[str]) -> None:
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        header = _HEADER.fullmatch(text)
        if header is None:
            rule = "expected name=value in ASCII, such as authorization=Bearer TOKEN"
            faults.append(Fault(where, f"header {number} is not valid; {rule}"))
        else:
            headers[header[1].lower()] = header[2]


def _lines_of(where: str, name: str, faults: list[Fault]) -> list[str]:
    try:
        return Path(name).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        faults.append(Fault(where, f"cannot be read: {reason}"))
        return []
