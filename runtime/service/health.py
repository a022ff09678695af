"""The standard health service of gRPC."""

from collections.abc import Iterable

import trio
from grpclib.const import Status

from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .call_errors import CallError
from .server_call import ServerCall

HealthCall = ServerCall[HealthCheckRequest, HealthCheckResponse]


class HealthService:
    """Reports whether each service, and the server as a whole, accepts calls."""

    def __init__(self, services: Iterable[str]) -> None:
        self._names = frozenset({"", *services})
        self._serving = True
        self._changed = trio.Event()

    def stop_serving(self) -> None:
        """Report NOT_SERVING from now on."""
        self._serving = False
        self._changed.set()

    async def check(self, call: HealthCall) -> None:
        """Answer Check: report the status of a service.

        Raises:
            CallError: NOT_FOUND: the server has no such service.
        """
        request = await call.receive()
        name = "" if request is None else request.service
        if name not in self._names:
            raise CallError(Status.NOT_FOUND, f"this server has no service {name!r}")
        await call.send(self._response(name))

    async def watch(self, call: HealthCall) -> None:
        """Answer Watch: report the status now and after each change, until the call ends."""
        request = await call.receive()
        name = "" if request is None else request.service
        await call.send(self._response(name))
        await self._changed.wait()
        if name in self._names:
            await call.send(self._response(name))
        await trio.sleep_forever()

    def _response(self, name: str) -> HealthCheckResponse:
        status = ServingStatus
        if name not in self._names:
            return HealthCheckResponse(status=status.SERVICE_UNKNOWN)
        return HealthCheckResponse(status=status.SERVING if self._serving else status.NOT_SERVING)
