"""The services of one server process, and how they shut down."""

import gc
import math
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from ...config import RuntimeConfig
from ...console import open_console
from ...http import HttpServer, open_http_server
from ...service import GrpcServer, open_server
from ...session import Runtime, open_runtime
from ...talk import Talk, open_talk
from ...workers import Member


class Services:
    """The services of one process.

    Attributes:
        runtime: runs the sessions.
        server: the gRPC port.
        http: the HTTP port; None if it is off.
    """

    def __init__(
        self, runtime: Runtime, server: GrpcServer, talk: Talk | None, http: HttpServer | None
    ) -> None:
        self.runtime = runtime
        self.server = server
        self.http = http
        self._talk = talk

    @property
    def active(self) -> int:
        """How many calls and conversations run."""
        return self.server.active_calls + (0 if self._talk is None else self._talk.active)

    async def drain(self) -> None:
        """Let what runs end, in steps, as the settings have it."""
        settings = self.runtime.config.server
        seconds = settings.drain_timeout_secs or math.inf
        lame_duck = settings.lame_duck_secs
        async with trio.open_nursery() as draining:
            draining.start_soon(partial(self.server.drain, seconds, lame_duck_seconds=lame_duck))
            if self._talk is not None:
                draining.start_soon(self._talk.drain, lame_duck + seconds)


@asynccontextmanager
async def open_services(
    config: RuntimeConfig, member: Member | None = None
) -> AsyncIterator[Services]:
    """Serve during the block, which begins when the executors are warm.

    Args:
        config: the settings.
        member: what this process is among the workers; None: the server is one process.

    Raises:
        ConfigError: a setting is not valid, or an address cannot be listened on.
    """
    is_warm = False
    shares = peers = collect = grpc_socket = http_socket = None
    if member is not None:
        shares, peers, collect = member.shares, member.peers, member.collect
        grpc_socket = socket.socket(fileno=member.spec.listening)
        if member.spec.listening_http is not None:
            http_socket = socket.socket(fileno=member.spec.listening_http)
    async with (
        open_runtime(config, shares=shares) as runtime,
        open_server(runtime, listening=grpc_socket, peers=peers, listens=False) as server,
        open_console(runtime, config.http, peers=peers) as console,
        open_talk(runtime) as talk,
        open_http_server(
            config.http,
            runtime.metrics,
            lambda: is_warm and not server.is_draining,
            console=None if console is None else console.application,
            talk=None if talk is None else talk.application,
            collect=collect,
            listening=http_socket,
        ) as http,
    ):
        await runtime.warm()
        # What is imported stays. A full collection would look through it each time, and stop all
        # streams for 45 ms; with 1,000 sessions it takes 210 ms instead of 270 (2026-11-27).
        gc.collect()
        gc.freeze()
        # Before, a session would wait for the forkserver, half a second on a busy machine.
        server.start_listening()
        is_warm = True
        yield Services(runtime, server, talk, http)
