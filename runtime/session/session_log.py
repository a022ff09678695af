"""The log of sessions: opened, ready, ended, failed and refused, each one event with its fields."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import trio

from ..errors import CallerError, InternalError, MillraceError
from ..plan import Plan
from ..tracing import SessionTrace

_log: Final = logging.getLogger("millrace.session")
# An application that configures no logging gets no warnings on its standard error: it receives the
# same errors as exceptions.
_log.addHandler(logging.NullHandler())


class SessionLog:
    """Logs one session, and reports its stages to its trace."""

    def __init__(self, session_id: str, plan: Plan, trace: SessionTrace | None = None) -> None:
        self._fields = {"session": session_id, "manifest": plan.manifest.metadata.name}
        self._trace = trace
        if trace is not None:
            self._fields |= trace.log_fields
            trace.describe({"millrace.session.id": session_id})
        self._opened_at = trio.current_time()

    def opened(self, plan: Plan, peer: str) -> None:
        """Log that the session is being started."""
        counts = {"nodes": len(plan.nodes), "processes": plan.process_count}
        _log.info("session opened", extra={**self._fields, **counts, "peer": peer})

    def ready(self) -> None:
        """Log that every node is ready."""
        _log.info("session ready", extra={**self._fields, "seconds": self._seconds()})
        if self._trace is not None:
            self._trace.ready()

    def closing(self) -> None:
        """Report to the trace that no more input will come."""
        if self._trace is not None:
            self._trace.closing()

    def ended(self, outcome: str, *, items_in: int, items_out: int, dropped: int) -> None:
        """Log the end.

        Args:
            outcome: "completed", "failed", or "cancelled".
            items_in: chunks that entered.
            items_out: results.
            dropped: items that full links dropped.
        """
        counts = {"items_in": items_in, "items_out": items_out, "dropped": dropped}
        extra = {**self._fields, "outcome": outcome, "seconds": self._seconds(), **counts}
        _log.info("session ended", extra=extra)
        if self._trace is not None:
            self._trace.describe({f"millrace.session.{name}": n for name, n in counts.items()})

    def failed(self, error: MillraceError) -> None:
        """Log the error that ends the session."""
        level = logging.ERROR if isinstance(error, InternalError) else logging.WARNING
        _log.log(
            level,
            "session failed",
            extra={**self._fields, **_of(error), "stack_trace": error.stack_trace},
            # The cause of a node's error is in its traceback already.
            exc_info=error.__cause__ if not error.stack_trace else None,
        )

    def _seconds(self) -> float:
        return round(trio.current_time() - self._opened_at, 3)


@contextmanager
def refusals_logged(manifest: str = "", peer: str = "") -> Iterator[None]:
    """Log an error of the block as the reason why a session was not opened."""
    try:
        yield
    except MillraceError as error:
        extra = {"manifest": manifest, "peer": peer, **_of(error)}
        # A client's mistake is in its reason; the operator needs the cause of everything else.
        cause = None if isinstance(error, CallerError) else error.__cause__
        _log.warning("session refused", extra=extra, exc_info=cause)
        raise


def _of(error: MillraceError) -> dict[str, str]:
    return {"node": error.node_id, "error": type(error).__name__, "reason": str(error)}
