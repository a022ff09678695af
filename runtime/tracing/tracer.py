"""The tracer of a runtime: decides which sessions are traced, and exports their spans.

It is not the global provider of OpenTelemetry, which belongs to the application. Spans wait in a
bounded queue; one task takes them from there, and a thread of trio's encodes and sends them. The
session's own loop waits for neither.
"""

import logging
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final

import trio

from ..config import Tracing, tracing_headers
from ..errors import UnwrappedErrors
from .session_trace import SessionTrace
from .span import AttributeValue, Send, Span
from .traceparent import parse_traceparent

# A span with its attributes takes about 1 KiB, one with a traceback up to 20.
_MOST_WAITING: Final = 2048
# The thread that encodes holds the interpreter meanwhile: 128 spans take 3 ms, less than the
# interpreter's switch interval. A request costs as much as 40 spans, so a small batch would cost
# more (27 November 2026).
_BATCH: Final = 128
# How long spans are collected, so that a few do not cost a request each.
_COLLECT_SECONDS: Final = 1.0
# How long the end of the runtime waits for a collector.
_END_SECONDS: Final = 3.0
# A collector that cannot be reached fails every batch.
_REPORT_SECONDS: Final = 60.0

_log: Final = logging.getLogger("millrace.tracing")
_log.addHandler(logging.NullHandler())


class Tracer:
    """Begins the traces of sessions, and exports what ends.

    Args:
        settings: [tracing] of runtime.toml.
        send: sends a batch.
    """

    def __init__(self, settings: Tracing, send: Send) -> None:
        self._settings = settings
        self._send = send
        self._waiting: deque[Span] = deque()
        self._came = trio.Event()
        self._full = trio.Event()
        self._is_closing = False
        self._ended = trio.Event()
        self._scope = trio.CancelScope(shield=True)
        self._limiter = trio.CapacityLimiter(1)
        self._lost = 0
        self._next_report = -_REPORT_SECONDS

    def begin_session(
        self, attributes: Mapping[str, AttributeValue], traceparent: str | None
    ) -> SessionTrace | None:
        """Begin the trace of a session; None if it is not one of those that are traced.

        Args:
            attributes: of the session's span.
            traceparent: of the client, which sends anything: what is not valid is ignored.
        """
        settings = self._settings
        parent = None
        if traceparent is not None and settings.accept_traceparent:
            parent = parse_traceparent(traceparent)
        if parent is None:
            trace_id = secrets.randbits(128) or 1
            # As OpenTelemetry's own sampler does, so that services with one rate agree.
            is_sampled = trace_id % 2**64 < settings.session_rate * 2**64
        else:
            trace_id, is_sampled = parent.trace_id, parent.is_sampled
        if not is_sampled:
            return None
        return SessionTrace(
            self._add,
            trace_id=trace_id,
            parent=parent,
            item_interval=settings.item_interval,
            attributes=attributes,
        )

    async def run(self) -> None:
        """Export spans until `end`, also where the runtime is cancelled meanwhile."""
        with self._scope:
            while True:
                while not self._waiting and not self._is_closing:
                    self._came = trio.Event()
                    await self._came.wait()
                if not self._waiting:
                    break
                with trio.move_on_after(_COLLECT_SECONDS):
                    await self._full.wait()
                await self._export()
        self._ended.set()

    async def end(self) -> None:
        """Export what waits, within a bound."""
        self._is_closing = True
        self._came.set()
        self._full.set()
        with trio.move_on_after(_END_SECONDS, shield=True) as waiting:
            await self._ended.wait()
        if waiting.cancelled_caught:
            self._report(len(self._waiting), f"the collector took more than {_END_SECONDS:g} s")
        self._scope.cancel()

    def _add(self, span: Span) -> None:
        if len(self._waiting) >= _MOST_WAITING:
            self._lost += 1
            return
        self._waiting.append(span)
        self._came.set()
        if len(self._waiting) >= _BATCH:
            self._full.set()

    async def _export(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(_BATCH, len(self._waiting)))]
        if not self._is_closing and len(self._waiting) < _BATCH:
            self._full = trio.Event()
        reason = await trio.to_thread.run_sync(
            self._send, batch, abandon_on_cancel=True, limiter=self._limiter
        )
        if reason:
            self._report(len(batch), reason)
        elif self._lost:
            self._report(0, "more spans came than the collector took")

    def _report(self, lost: int, reason: str) -> None:
        """Log that spans are lost, at most once a minute."""
        self._lost += lost
        now = trio.current_time()
        if now >= self._next_report:
            self._next_report = now + _REPORT_SECONDS
            _log.warning("traces not exported", extra={"spans": self._lost, "reason": reason})
            self._lost = 0


@asynccontextmanager
async def open_tracer(
    settings: Tracing, environment: Mapping[str, str]
) -> AsyncIterator[Tracer | None]:
    """Open the tracer that the settings ask for; None where they set no collector.

    Args:
        settings: [tracing] of runtime.toml.
        environment: has the secret headers, if they are not in a file.

    Raises:
        ConfigError: a header cannot be used, or the extra `otel` is not installed.
    """
    if settings.endpoint is None:
        yield None
        return
    from .otlp import open_collector

    headers = tracing_headers(settings, environment)
    with open_collector(settings.endpoint, headers, settings.service_name) as send:
        tracer = Tracer(settings, send)
        with UnwrappedErrors():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(tracer.run)
                try:
                    yield tracer
                finally:
                    await tracer.end()  # noqa: ASYNC102 (it shields itself, within a bound)
