"""A console of a runtime, and pages of it in a browser."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from runtime import Runtime
from runtime.config import Http
from runtime.console import Console, open_console
from runtime.http import HttpServer, open_http_server
from tests.browser.chromium import Browser, Page

TOKEN = "the-token"


@asynccontextmanager
async def console_port(
    runtime: Runtime, *, address: str = "127.0.0.1:0", tokens: str = TOKEN, **settings: Any
) -> AsyncIterator[tuple[HttpServer, Console | None]]:
    """Open the HTTP port of a runtime, with the console."""
    values = {"enabled": True, "console": True, "bind_address": address, **settings}
    http = Http.model_validate(values)
    environment = {"MILLRACE_HTTP_TOKENS": tokens}
    async with (
        open_console(runtime, http, environment=environment) as console,
        open_http_server(
            http,
            runtime.metrics,
            lambda: True,
            console=None if console is None else console.application,
            environment=environment,
        ) as server,
    ):
        assert server is not None
        yield server, console


async def sign_in(page: Page, address: str, token: str = TOKEN) -> None:
    """Open the console, and give the token in the form."""
    await page.go(f"http://{address}/")
    await page.wait("document.querySelector('#token')")
    await page.value(
        f"document.querySelector('#token').value = {json.dumps(token)};"
        "document.querySelector('form button').click()"
    )


async def signed_in(browser: Browser, server: HttpServer, fragment: str = "") -> Page:
    """Return a page of the console."""
    page = await browser.new_page()
    await sign_in(page, str(server.address))
    await page.wait("document.querySelector('#connection').dataset.state === 'live'")
    if fragment:
        await page.value(f"location.hash = {json.dumps(fragment)}")
    return page


def session_fragment(session_id: str, node: str = "") -> str:
    """Return the part of the address for the page of a session."""
    return f"#/session/{session_id}" + (f"/{node}" if node else "")
