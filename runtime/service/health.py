"""The standard health service of gRPC."""

from collections.abc import Iterable

import trio
from grpclib.const import Status

from ..session import Capacity
from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .call_errors import CallError
from .server_call import ServerCall

HealthCall = ServerCall[HealthCheckRequest, HealthCheckResponse]


class HealthService:
    """Reports whether each service, and the server as a whole, accepts calls."""

    def __init__(self, services: Iterable[str]) -> None:
        self._names = frozenset({"", *services})
        self._is_stopping = False
        self._is_full = False
        self._changed = trio.lowlevel.ParkingLot()

    def stop_serving(self) -> None:
        """Report NOT_SERVING from now on."""
        self._is_stopping = True
        self._changed.unpark_all()

    async def follow(self, capacity: Capacity) -> None:
        """Report NOT_SERVING while there is no room for another session, until cancelled."""
        while True:
            await capacity.wait_full(not self._is_full)
            self._is_full = not self._is_full
            self._changed.unpark_all()

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
        while True:
            response = self._response(name)
            await call.send(response)
            while self._response(name) == response:
                await self._changed.park()

    def _response(self, name: str) -> HealthCheckResponse:
        status = ServingStatus
        if name not in self._names:
            return HealthCheckResponse(status=status.SERVICE_UNKNOWN)
        return HealthCheckResponse(
            status=status.NOT_SERVING if self._is_stopping or self._is_full else status.SERVING
        )
