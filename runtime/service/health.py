"""The standard health service."""

from collections.abc import Iterable

import trio
from grpclib.const import Status

from ..wire.standard import HealthCheckRequest, HealthCheckResponse, ServingStatus
from .call_errors import CallError
from .server_call import ServerCall

HealthCall = ServerCall[HealthCheckRequest, HealthCheckResponse]


class HealthService:
    """Tells of each service, and of the server as a whole, whether it takes calls."""

    def __init__(self, services: Iterable[str]) -> None:
        self._names = frozenset({"", *services})
        self._serving = True
        self._changed = trio.Event()

    def stop_serving(self) -> None:
        """Say NOT_SERVING from now on."""
        self._serving = False
        self._changed.set()

    async def check(self, call: HealthCall) -> None:
        """Tell it once.

        Raises:
            CallError: NOT_FOUND, for a service that is not here.
        """
        request = await call.receive()
        name = "" if request is None else request.service
        if name not in self._names:
            raise CallError(Status.NOT_FOUND, f"there is no service {name!r} here")
        await call.send(self._response(name))

    async def watch(self, call: HealthCall) -> None:
        """Tell it now, and again when it changes; until the client leaves or the server ends."""
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
