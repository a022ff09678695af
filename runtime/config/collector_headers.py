"""The secret headers of requests to the collector of traces."""

from collections.abc import Mapping
from typing import Final

from ..errors import ConfigError, Fault
from .headers import add_headers, headers_of_file
from .settings import Tracing

_VARIABLE: Final = "MILLRACE_TRACING_HEADERS"


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
        found |= headers_of_file("tracing.headers_file", settings.headers_file, faults)
    add_headers(found, faults, _VARIABLE, environment.get(_VARIABLE, "").split(","))
    if faults:
        raise ConfigError(faults)
    return found
