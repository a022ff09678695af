"""The log of sessions: opened, ready, ended, failed and refused, each one event with its fields."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import trio

from ..errors import CallerError, InternalError, MillraceError, shortened
from ..manifest import Manifest, ManifestSource
from ..plan import Plan
from ..tracing import SessionTrace
from .ending import Ending

_log: Final = logging.getLogger("millrace.session")
# An application that configures no logging gets no warnings on its standard error: it receives the
# same errors as exceptions.
_log.addHandler(logging.NullHandler())


# Of the output of a node process that failed, below its traceback.
_OUTPUT_LINES: Final = 10
# The text of the error; all of it is in the entry of the failed node.
_DETAIL_CHARACTERS: Final = 300


class SessionLog:
    """Logs one session, and reports its stages to its trace."""

    def __init__(self, session_id: str, plan: Plan, trace: SessionTrace | None = None) -> None:
        self._fields = {"session": session_id, "manifest": plan.manifest.metadata.name}
        self._client: dict[str, str | None] = {}
        self._trace = trace
        if trace is not None:
            self._fields |= trace.log_fields
            trace.describe({"millrace.session.id": session_id})
        self._opened_at = trio.current_time()

    def opened(self, plan: Plan, peer: str, token_name: str) -> None:
        """Log that the session is being started."""
        counts = {"nodes": len(plan.nodes), "processes": plan.process_count}
        self._client = {"peer": peer or None, "token": token_name or None}
        _log.info("session opened", extra={**self._fields, **counts, **self._client})

    def ready(self) -> None:
        """Log that every node is ready."""
        _log.info("session ready", extra={**self._fields, "seconds": self._seconds()})
        if self._trace is not None:
            self._trace.ready()

    def closing(self) -> None:
        """Report to the trace that no more input will come."""
        if self._trace is not None:
            self._trace.closing()

    def ended(self, ending: Ending, counts: Mapping[str, int]) -> None:
        """Log the end. It is logged once, however the session ends.

        Args:
            ending: how.
            counts: of items and bytes, and the peak of memory.
        """
        how = {
            "node": ending.node_id,
            "outcome": ending.outcome,
            "reason": ending.reason.value,
            "error": ending.error or None,
        }
        detail = shortened(ending.detail, _DETAIL_CHARACTERS) or None
        extra = {**self._fields, **how, "seconds": self._seconds(), **counts, **self._client}
        _log.info("session ended", extra={**extra, "detail": detail})
        if self._trace is not None:
            self._trace.describe({f"millrace.session.{name}": n for name, n in counts.items()})

    def failed(self, error: MillraceError, last_output: Sequence[str]) -> None:
        """Log the error that ends the session, with the last lines that its node has printed."""
        level = logging.ERROR if isinstance(error, InternalError) else logging.WARNING
        trace = _with_output(error.stack_trace, last_output)
        _log.log(
            level,
            "node failed" if error.node_id else "session failed",
            extra={**self._fields, **_of(error), "stack_trace": trace},
            # The cause of a node's error is in its traceback already.
            exc_info=error.__cause__ if not error.stack_trace else None,
        )

    def _seconds(self) -> float:
        return round(trio.current_time() - self._opened_at, 3)


@contextmanager
def refusals_logged(manifest: str = "", peer: str = "", token_name: str = "") -> Iterator[None]:
    """Log an error of the block as the reason why a session was not opened."""
    try:
        yield
    except trio.Cancelled:
        # Its client has left while it waited for room or for an executor.
        extra = {"manifest": manifest, "peer": peer or None, "token": token_name or None}
        _log.info("session given up before it began", extra=extra)
        raise
    except MillraceError as error:
        client = {"peer": peer or None, "token": token_name or None}
        extra = {"manifest": manifest, **client, **_of(error)}
        # A client's mistake is in its reason; the operator needs the cause of everything else.
        cause = None if isinstance(error, CallerError) else error.__cause__
        _log.warning("session refused", extra=extra, exc_info=cause)
        raise


def _with_output(trace: str, last_output: Sequence[str]) -> str:
    output = "\n".join(list(last_output)[-_OUTPUT_LINES:])
    if not output or output in trace:  # the trace of a process that has ended is its output
        return trace
    return f"{trace.rstrip()}\nlast lines of its output:\n{output}"


def _of(error: MillraceError) -> dict[str, str]:
    return {"node": error.node_id, "error": type(error).__name__, "reason": str(error)}


def name_of_source(source: ManifestSource) -> str:
    """Return the name of a manifest for the log, which may be no valid manifest at all."""
    if isinstance(source, Manifest):
        return source.metadata.name
    if not isinstance(source, Mapping):
        return str(source)
    metadata = source.get("metadata")
    name = metadata.get("name") if isinstance(metadata, Mapping) else None
    return name if isinstance(name, str) else ""
