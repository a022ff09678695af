"""What a server writes about itself to the person who has started it."""

import logging
import math
from collections.abc import Callable

from ...config import Log, ServerAddress
from ...http import HttpServer
from ...logs import LogOutput
from ...session import SweepReport

Announce = Callable[[str], None]


def announcer(log: Log, output: LogOutput) -> Announce:
    """Return what writes the server's state: as a line, or where the log is JSON, as JSON."""
    if log.format == "json":
        return logging.getLogger("millrace.serve").info
    return output.announce


def announce_sweep(announce: Announce, swept: SweepReport) -> None:
    """Announce what was removed of killed servers, if anything was."""
    if swept.instances:
        announce(
            f"removed the remains of {swept.instances} killed servers: {swept.segments} segments, "
            f"{swept.segment_bytes} bytes"
        )


def http_lines(http: HttpServer | None) -> list[str]:
    """Return the lines about the HTTP port."""
    if http is None:
        return []
    scheme = "https" if http.uses_tls else "http"
    lines = [f"metrics and health on {scheme}://{http.address}"]
    if "console" in http.pages:
        lines.append(f"console on {scheme}://{http.address}/console/")
    if "talk" in http.pages:
        lines.append(f"talk on {scheme}://{http.address}/talk/")
    is_in_the_clear = not http.uses_tls and not http.address.is_local
    if not http.answers_metrics:
        more = " and talk" if "talk" in http.pages else ""
        lines.append(f"without tokens, it answers health{more} only: set MILLRACE_HTTP_TOKENS")
    elif is_in_the_clear:
        lines.append(
            "without TLS, its token crosses the network in the clear: set http.tls_certificate"
        )
    if is_in_the_clear and "talk" in http.pages:
        lines.append("without TLS, browsers give /talk/ no microphone: set http.tls_certificate")
    return lines


def announce_address(
    announce: Announce, address: ServerAddress, *, requires_token: bool, workers: int = 1
) -> None:
    """Announce that clients can connect."""
    with_workers = f" {workers} workers;" if workers > 1 else ""
    announce(f"listening on {address};{with_workers} Ctrl-C ends it")
    if not requires_token and not address.is_local:
        announce(
            "without tokens, any client that reaches this address can run pipelines: "
            "set GRPC_AUTH_TOKENS"
        )


def stopping_line(running: str, lame_duck_seconds: float, drain_seconds: float) -> str:
    """Return the line of a server that begins to shut down.

    Args:
        running: what may end, such as "3 calls".
        lame_duck_seconds: for which new calls are accepted.
        drain_seconds: for which calls that run have time; infinite: until they end.
    """
    still = f"new calls are taken for {lame_duck_seconds:g} s; " if lame_duck_seconds else ""
    end = f"have {drain_seconds:g} s to end" if drain_seconds < math.inf else "may run to their end"
    return f"stopping; {still}{running} {end}"
