"""The demo in a browser: the assistant, offered on a page of this machine."""

import os
import webbrowser
from collections.abc import Callable, Mapping
from typing import Final

import trio

from ...config import Origin, RuntimeConfig, Source, with_value
from ...http import open_http_server
from ...session import open_runtime
from ...talk import open_talk
from ..stop_signals import open_stop_signals
from .pipelines import NODE_TYPES, assistant_pipeline

NAME: Final = "home-assistant"
_ORIGIN: Final = Origin(Source.COMMAND_LINE, "millrace demo --web")


async def serve_demo(
    *, port: int, announce: Callable[[str], None], environment: Mapping[str, str]
) -> None:
    """Serve the page until SIGINT or SIGTERM, and open it in a browser if there is a screen.

    Only this machine reaches it; nobody needs a token.

    Args:
        port: of the page; 0 takes any free one.
        announce: prints a line.
        environment: the environment variables.

    Raises:
        ConfigError: the port is taken, or the extra `http` is not installed.
    """
    config = RuntimeConfig()
    for key, value in (
        ("http.enabled", True),
        ("http.talk", True),
        ("http.bind_address", f"127.0.0.1:{port}"),
    ):
        config = with_value(config, key, value, _ORIGIN)
    # Settings and tokens of a server in the same shell are not the demo's.
    with open_stop_signals() as signals:
        async with (
            open_runtime(config, node_types=NODE_TYPES) as runtime,
            open_talk(runtime, pipelines={NAME: assistant_pipeline()}, environment={}) as talk,
            open_http_server(
                config.http,
                runtime.metrics,
                lambda: True,
                talk=None if talk is None else talk.application,
                environment={},
            ) as http,
        ):
            assert talk is not None
            assert http is not None
            await runtime.warm()
            address = f"http://{http.address}/talk/"
            announce(f"talk on {address} ; Ctrl-C ends it")
            if _has_screen(environment):
                await trio.to_thread.run_sync(webbrowser.open, address)
            await anext(signals)
            await talk.drain(0)


def _has_screen(environment: Mapping[str, str]) -> bool:
    """Return whether a window can be opened: a browser for terminals would occupy this one."""
    screens = ("DISPLAY", "WAYLAND_DISPLAY")
    return os.name == "posix" and any(environment.get(name) for name in screens)
