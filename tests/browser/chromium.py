"""A headless Chromium, driven through its debugging pipe: no port, no driver, no library."""

import base64
import json
import math
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Self

import trio

NAMES = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
    "--remote-debugging-pipe",
)
SECONDS = 20.0


def chromium() -> str | None:
    """Return the path of a Chromium; None if the machine has none."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


class BrowserProcess:
    """A running browser.

    Attributes:
        requests: the descriptor of the pipe that it reads from; answers: that it writes to.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", requests: int, answers: int) -> None:
        self.process = process
        self.requests = requests
        self.answers = answers


@contextmanager
def browser_process(folder: Path, *more: str) -> Iterator[BrowserProcess]:
    """Run a browser during the block. It ends with its pipe, even if this process is killed.

    Args:
        folder: for its files.
        more: command line options.
    """
    path = chromium()
    assert path is not None
    from_us, requests = os.pipe()
    answers, to_us = os.pipe()
    command = f'exec "$@" 3<&{from_us} 4>&{to_us} {from_us}<&- {to_us}>&-'
    with (folder / "chromium.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-c", command, "bash", path, *OPTIONS, *more, f"--user-data-dir={folder}"],
            pass_fds=(from_us, to_us),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "HOME": str(folder)},
        )
    os.close(from_us)
    os.close(to_us)
    try:
        yield BrowserProcess(process, requests, answers)
    finally:
        os.close(requests)
        os.close(answers)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class _Pipe:
    """Sends commands, and delivers answers and events."""

    def __init__(self, process: BrowserProcess) -> None:
        self._to = trio.lowlevel.FdStream(os.dup(process.requests))
        self._from = trio.lowlevel.FdStream(os.dup(process.answers))
        self._number = 0
        self._waiting: dict[int, trio.MemorySendChannel[dict[str, Any]]] = {}
        self.events: list[dict[str, Any]] = []

    async def close(self) -> None:
        await self._to.aclose()
        await self._from.aclose()

    async def read(self) -> None:
        rest = b""
        while data := await self._from.receive_some():
            *messages, rest = (rest + bytes(data)).split(b"\0")
            for text in messages:
                message = json.loads(text)
                if (channel := self._waiting.pop(message.get("id", 0), None)) is not None:
                    channel.send_nowait(message)
                else:
                    self.events.append(message)

    async def command(self, method: str, session: str | None = None, **params: Any) -> Any:
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if session is not None:
            message["sessionId"] = session
        send, receive = trio.open_memory_channel[dict[str, Any]](1)
        self._waiting[self._number] = send
        await self._to.send_all(json.dumps(message).encode() + b"\0")
        with trio.fail_after(SECONDS):
            answer = await receive.receive()
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]


class Page:
    """A tab, with cookies of its own."""

    def __init__(self, pipe: _Pipe, session: str) -> None:
        self._pipe = pipe
        self._session = session

    async def command(self, method: str, **params: Any) -> Any:
        """Send a command of the protocol."""
        return await self._pipe.command(method, self._session, **params)

    async def go(self, address: str) -> None:
        """Open an address."""
        await self.command("Page.navigate", url=address)

    async def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript; promises are awaited."""
        answer = await self.command(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, (expression, answer["exceptionDetails"])
        return answer["result"].get("value")

    async def wait(self, expression: str) -> Any:
        """Wait until an expression is true; return its value. The page looks at each frame."""
        # Across a navigation, the page that was asked is gone: ask the next one.
        code = f"""new Promise((resolve) => {{
            const look = () => {{
                let found = false;
                try {{ found = ({expression}); }} catch (error) {{ found = false; }}
                if (found) resolve(found); else requestAnimationFrame(look);
            }};
            look();
        }})"""
        with trio.move_on_after(SECONDS):
            while True:
                try:
                    return await self.value(code)
                except AssertionError as error:
                    gone = ("navigated", "context", "Promise was collected")
                    if not any(word in str(error) for word in gone):
                        raise
        text = await self.value("document.body.innerText")
        raise AssertionError(f"never true: {expression}\n{text}")

    async def text(self, selector: str) -> str:
        """Return the text of an element."""
        found = await self.value(f"document.querySelector({json.dumps(selector)}).textContent")
        return str(found)

    async def press(self, key: str) -> None:
        """Press and release a key, by its name in JavaScript."""
        text = {"Enter": "\r", " ": " "}.get(key)
        codes = {"Tab": 9, "Enter": 13, "Escape": 27, " ": 32, "ArrowRight": 39, "ArrowLeft": 37}
        common = {"key": key, "windowsVirtualKeyCode": codes[key]}
        more = {} if text is None else {"text": text}
        await self.command("Input.dispatchKeyEvent", type="keyDown", **common, **more)
        await self.command("Input.dispatchKeyEvent", type="keyUp", **common)

    async def look_like(self, *, width: int, height: int, scheme: str, phone: bool = False) -> None:
        """Have another size, and a dark or light scheme."""
        await self.command(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=2 if phone else 1,
            mobile=phone,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.command("Emulation.setEmulatedMedia", features=features)

    async def screenshot(self, path: Path, *, whole: bool = False) -> None:
        """Write a picture of the page."""
        options: dict[str, Any] = {"format": "png", "captureBeyondViewport": whole}
        if whole:
            size = (await self.command("Page.getLayoutMetrics"))["cssContentSize"]
            options["clip"] = {
                "x": 0,
                "y": 0,
                "width": math.ceil(size["width"]),
                "height": math.ceil(size["height"]),
                "scale": 1,
            }
        picture = (await self.command("Page.captureScreenshot", **options))["data"]
        await trio.Path(path).write_bytes(base64.b64decode(picture))

    def problems(self) -> list[str]:
        """Return errors of the page's scripts, and what its policy has refused."""
        found = []
        for event in self._pipe.events:
            if event.get("sessionId") != self._session:
                continue
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(event["params"]["exceptionDetails"]))
            entry = event["params"].get("entry", {})
            if event["method"] == "Log.entryAdded" and entry["source"] in ("security", "violation"):
                found.append(entry["text"])
        return found


class Browser:
    """A browser, as a test uses it."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe
        self._contexts: list[str] = []

    async def new_page(self) -> Page:
        """Return a new tab, which shares no cookies with others."""
        context = (await self._pipe.command("Target.createBrowserContext"))["browserContextId"]
        self._contexts.append(context)
        target = await self._pipe.command(
            "Target.createTarget", url="about:blank", browserContextId=context
        )
        attached = await self._pipe.command(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        page = Page(self._pipe, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log", "Network"):
            await page.command(f"{domain}.enable")
        return page

    @classmethod
    @asynccontextmanager
    async def connected(cls, process: BrowserProcess) -> AsyncIterator[Self]:
        """Use a running browser during the block; its tabs are closed at the end."""
        pipe = _Pipe(process)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pipe.read)
                browser = cls(pipe)
                try:
                    yield browser
                finally:
                    with trio.move_on_after(5, shield=True):
                        for context in browser._contexts:
                            await pipe.command(
                                "Target.disposeBrowserContext", browserContextId=context
                            )
                    nursery.cancel_scope.cancel()
        finally:
            await pipe.close()
