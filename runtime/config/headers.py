"""Secret headers of requests that the server makes: their form, and the files that have them."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import ConfigError, Fault

if TYPE_CHECKING:
    from .settings import Tracing

_VARIABLE: Final = "MILLRACE_TRACING_HEADERS"
_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*([!-~](?:[ -~]*[!-~])?)")


def tracing_headers(settings: "Tracing", environment: Mapping[str, str]) -> dict[str, str]:
    """Return the headers that requests to the collector have. They are never shown.

    Those of MILLRACE_TRACING_HEADERS, separated by commas, are added to those of the file.

    Raises:
        ConfigError: the file cannot be read, or a header is not name=value. The message does not
            hold the header.
    """
    found: dict[str, str] = {}
    faults: list[Fault] = []
    if settings.headers_file is not None:
        found |= headers_of_file("tracing.headers_file", settings.headers_file, faults)
    _add(found, faults, _VARIABLE, environment.get(_VARIABLE, "").split(","))
    if faults:
        raise ConfigError(faults)
    return found


def headers_of_file(where: str, name: str, faults: list[Fault]) -> dict[str, str]:
    """Return the secret headers of a file, one name=value per line, by their names in lower case.

    Args:
        where: the setting that names the file, for the faults.
        name: of the file.
        faults: receives what is wrong; no fault has a header's value.
    """
    found: dict[str, str] = {}
    _add(found, faults, f"{where} {name}", lines_of_file(f"{where} {name}", name, faults))
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


def lines_of_file(where: str, name: str, faults: list[Fault]) -> list[str]:
    """Return the lines of a file of secrets; a fault, and none, if it cannot be read."""
    try:
        return Path(name).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        faults.append(Fault(where, f"cannot be read: {reason}"))
        return []
