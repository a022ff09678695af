"""The console during a block: what it collects, and its application."""

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import trio

from ..config import Http, http_access
from ..errors import UnwrappedErrors
from ..http import Tokens
from ..service import BytesHandler, Peers
from ..session import Runtime
from .feeds import Feeds
from .history import Histories
from .other_workers import LIST, PAGE
from .session_log_lines import log_lines_kept
from .shown_page import show_to_worker
from .state import ConsoleState

if TYPE_CHECKING:
    from starlette.types import ASGIApp


class Console:
    """The console of a runtime.

    Attributes:
        state: what its pages share.
    """

    def __init__(self, state: ConsoleState) -> None:
        self.state = state

    def application(self, tokens: Tokens) -> "ASGIApp":
        """Return the application that answers below `/console/`.

        Args:
            tokens: one of which a person signs in with.
        """
        from .application import application

        return application(self.state, tokens)


@asynccontextmanager
async def open_console(
    runtime: Runtime,
    http: Http,
    *,
    environment: Mapping[str, str] | None = None,
    peers: Peers | None = None,
) -> AsyncIterator[Console | None]:
    """Collect what the console shows for as long as the block lasts; None if it is off.

    Without watchers it only keeps the last log lines of each session, and a sample a second.

    Args:
        runtime: whose sessions it shows.
        http: the settings.
        environment: the environment variables; None means those of the process.
        peers: the other workers of the server, whose sessions it shows too; None: there are none.

    Raises:
        ConfigError: a setting is not valid, or the file of tokens cannot be read.
    """
    http = http_access(http, os.environ if environment is None else environment).settings
    if not (http.enabled and http.console):
        yield None
        return
    with log_lines_kept() as log_lines, UnwrappedErrors():
        async with trio.open_nursery() as nursery:
            histories = Histories(runtime)
            nursery.start_soon(histories.run)
            feeds = Feeds(runtime, nursery, peers)
            state = ConsoleState(runtime, feeds, log_lines, histories, peers)
            handlers: dict[str, BytesHandler] = {
                LIST: feeds.answer_list,
                PAGE: partial(show_to_worker, state),
            }
            with nullcontext() if peers is None else peers.answering(handlers):
                yield Console(state)
            nursery.cancel_scope.cancel()
