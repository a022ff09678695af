"""Load reports for clients and balancers that weight servers: ORCA, gRPC proposal A51."""

import base64
from collections import deque
from typing import Final, NamedTuple

import trio
from grpclib.const import Status

from ..session import Runtime
from ..wire.codec import Codec
from ..wire.standard import OrcaLoadReport, OrcaLoadReportRequest
from .call_errors import CallError
from .machine_load import CpuTime, MachineLoad
from .server_call import ServerCall

LoadCall = ServerCall[OrcaLoadReportRequest, OrcaLoadReport]

# A report is no older than this. Reading the load takes 0.3 ms (27 November 2026).
_FRESH_SECONDS: Final = 1.0
# Rates are means over this time, or over the time between two reports if that is longer.
_RATE_SECONDS: Final = 10.0
# Between two reports of a stream: what a client asks for, within these; without a request, 10 s, as
# gRPC's clients ask by default.
_SHORTEST_SECONDS: Final = 1.0
_DEFAULT_SECONDS: Final = 10.0
_LONGEST_SECONDS: Final = 3600.0


class _Counts(NamedTuple):
    """What has happened up to a time.

    Attributes:
        at: seconds of trio's clock.
        opened: sessions.
        failed: sessions.
        cpu: processor time.
    """

    at: float
    opened: int
    failed: int
    cpu: CpuTime


class LoadReports:
    """Measures the load of the server when a report is needed, at most once a second.

    Args:
        runtime: whose sessions are the load.
        codec: encodes reports.
        most_streams: calls of StreamCoreMetrics at once.
        load: of the machine.
    """

    def __init__(
        self,
        runtime: Runtime,
        codec: Codec,
        *,
        most_streams: int,
        load: MachineLoad | None = None,
    ) -> None:
        self._runtime = runtime
        self._most_streams = most_streams
        self._streams = 0
        self._codec = codec
        self._load = MachineLoad() if load is None else load
        self._counts = deque([self._count()])
        self._report = OrcaLoadReport()
        self._trailer = ""
        self._made_at = float("-inf")

    def current(self) -> OrcaLoadReport:
        """Return the report of this second."""
        self._refresh()
        return self._report

    def trailer(self) -> str:
        """Return the report as the trailer `endpoint-load-metrics-bin` of a call has it."""
        self._refresh()
        return self._trailer

    async def stream_core_metrics(self, call: LoadCall) -> None:
        """Answer StreamCoreMetrics: report at an interval until the call ends.

        Raises:
            CallError: RESOURCE_EXHAUSTED: too many clients ask, who need no token for it.
        """
        if self._streams >= self._most_streams:
            message = (
                f"{self._streams} clients have load reports; as many as server.max_connections"
            )
            raise CallError(Status.RESOURCE_EXHAUSTED, message)
        self._streams += 1
        try:
            seconds = _interval_of(await call.receive())
            while True:
                await call.send(self.current())
                await trio.sleep(seconds)
        finally:
            self._streams -= 1

    def _refresh(self) -> None:
        now = trio.current_time()
        if now - self._made_at >= _FRESH_SECONDS:
            self._made_at = now
            self._report = self._make()
            encoded = base64.b64encode(self._codec.encode(self._report)).decode()
            self._trailer = encoded.rstrip("=")  # as gRPC sends binary headers

    def _make(self) -> OrcaLoadReport:
        now = self._count()
        while len(self._counts) > 1 and now.at - self._counts[1].at >= _RATE_SECONDS:
            self._counts.popleft()
        before = self._counts[0]
        self._counts.append(now)
        capacity = self._runtime.capacity
        limits = self._runtime.config.limits
        return OrcaLoadReport(
            cpu_utilization=_part(
                now.cpu.used - before.cpu.used, now.cpu.available - before.cpu.available
            ),
            mem_utilization=self._load.memory(),
            rps_fractional=_rate(now.opened - before.opened, now.at - before.at),
            eps=_rate(now.failed - before.failed, now.at - before.at),
            application_utilization=capacity.sessions / limits.max_sessions,
            utilization={"processes": min(1.0, capacity.processes / limits.max_total_processes)},
            named_metrics={
                "sessions": float(capacity.sessions),
                "processes": float(capacity.processes),
                "waiting_sessions": float(capacity.waiting),
            },
        )

    def _count(self) -> _Counts:
        at = trio.current_time()
        failed = self._runtime.metrics.session_counts().ended["failed"]
        return _Counts(at, self._runtime.opened, failed, self._load.cpu(at))


def _interval_of(request: OrcaLoadReportRequest | None) -> float:
    if request is None or request.report_interval is None:
        return _DEFAULT_SECONDS
    asked = request.report_interval.seconds + request.report_interval.nanos / 1e9
    return min(max(asked, _SHORTEST_SECONDS), _LONGEST_SECONDS)


def _part(used: float, available: float) -> float:
    return min(max(used / available, 0.0), 1.0) if available > 0 else 0.0


def _rate(count: int, seconds: float) -> float:
    return count / seconds if seconds > 0 else 0.0
