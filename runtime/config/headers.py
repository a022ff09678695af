"""Secret headers of requests that the server makes: their form, and the files that have them."""

import re
from pathlib import Path
from typing import Final

from ..errors import Fault

_HEADER: Final = re.compile(r"([A-Za-z0-9!#$%&'*+.^_`|~-]+)\s*=\s*([!-~](?:[ -~]*[!-~])?)")


def headers_of_file(where: str, name: str, faults: list[Fault]) -> dict[str, str]:
    """Return the secret headers of a file, one name=value per line, by their names in lower case.

    Args:
        where: the setting that names the file, for the faults.
        name: of the file.
        faults: receives what is wrong; no fault has a header's value.
    """
    found: dict[str, str] = {}
    add_headers(found, faults, f"{where} {name}", lines_of_file(f"{where} {name}", name, faults))
    return found


def add_headers(headers: dict[str, str], faults: list[Fault], where: str, lines: list[str]) -> None:
    """Add the headers of lines of name=value; a fault for each that is not valid."""
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
