"""Talking during a block: the pipelines are planned, and conversations end with it."""

import hashlib
import importlib
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

import trio

from ..config import Http, ServerAccess, http_access, server_access
from ..errors import ConfigError, Fault
from ..http import Tokens
from ..manifest import ManifestSource
from ..session import Runtime
from .pipelines import plan_pipelines
from .state import TalkState

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# For conversations that are cut off to send their last message.
_CANCEL_SECONDS: Final = 2.0


class Talk:
    """The page to speak with pipelines, and its conversations."""

    def __init__(self, state: TalkState, server: ServerAccess, http: Http) -> None:
        self._state = state
        self._server = server
        self._origins = http.talk_origins

    @property
    def active(self) -> int:
        """How many conversations run."""
        return self._state.active

    def application(self) -> "ASGIApp":
        """Return the application that answers below `/talk/`."""
        from .access import Access
        from .application import application

        server = self._server
        names = {_digest(token): name for token, name in server.token_names.items()}
        access = Access(
            Tokens(server.tokens | server.admin_tokens),
            names,
            requires_token=server.require_auth,
            origins=self._origins,
        )
        return application(self._state, access)

    async def drain(self, timeout_seconds: float) -> None:
        """Accept no new conversations, wait for the running ones, cut off the rest at the timeout.

        Each page that is cut off receives an error.
        """
        self._state.draining = True
        with trio.move_on_after(timeout_seconds):
            await self._state.wait_idle()
        self._state.stopping.set()
        with trio.move_on_after(_CANCEL_SECONDS):
            await self._state.wait_idle()


@asynccontextmanager
async def open_talk(
    runtime: Runtime,
    *,
    pipelines: Mapping[str, ManifestSource] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[Talk | None]:
    """Offer named pipelines for conversations during the block; None if that is off.

    Args:
        runtime: runs the sessions; its configuration has [http], [server] and [pipelines].
        pipelines: more of them.
        environment: the environment variables; None means those of the process.

    Raises:
        ConfigError: a setting is not valid, a pipeline cannot be used, the extra `webrtc` is not
            installed but turned on, or anybody on the network could talk.
    """
    config = runtime.config
    environment = os.environ if environment is None else environment
    access = http_access(config.http, environment)
    if not (access.settings.enabled and access.settings.talk):
        yield None
        return
    if access.settings.talk_webrtc:
        _check_webrtc()
    server = server_access(config.server, environment)
    if not server.require_auth and not access.address.is_local:
        message = (
            f"anybody who reaches {access.address} could talk: set GRPC_AUTH_TOKENS or "
            "server.auth_tokens_file, or bind to 127.0.0.1"
        )
        raise ConfigError([Fault("http.talk", message)])
    sources = {**config.pipelines, **(pipelines or {})}
    planned = await trio.to_thread.run_sync(partial(plan_pipelines, runtime, sources))
    yield Talk(TalkState(runtime, planned, access.settings), server, access.settings)


def _check_webrtc() -> None:
    try:
        importlib.import_module(".webrtc", __package__)
    except ImportError as error:
        message = f"needs the extra `webrtc`: pip install 'millrace-runtime[webrtc]' ({error})"
        raise ConfigError([Fault("http.talk_webrtc", message)]) from error


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
