"""The page in a real browser, with a microphone that plays synthesized speech."""

import http.server
import os
import re
import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from runtime.http import HttpServer
from tests.browser.chromium import Browser, Page
from tests.cli.commands import finish, start
from tests.conftest import OpenRuntime
from tests.session.pipelines import manifest
from tests.talk.serving import TOKEN, talk_port
from tests.talk.specimens import FIRST, HOSTILE, SECOND, SHORT_ANSWER, assistant, of_one

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "browser"
STATE = "document.querySelector('#talk').dataset.state"
LEVEL = "Number(document.querySelector('#level-agent').ariaValueNow)"
# What the recognizer waits for: 300 ms of silence for the detector, and 300 ms after its event.
END_OF_TURN_SECONDS = 0.6


def entry(speaker: str, number: int = 0) -> str:
    """Return the JavaScript for an entry of the transcript."""
    return f"document.querySelectorAll('[data-speaker={speaker}]')[{number}]"


async def opened(browser: Browser, server: HttpServer, pipeline: str) -> Page:
    """Return a page that talks, begun with the keyboard."""
    page = await browser.new_page()
    await page.go(f"http://{server.address}/talk/")
    await talk_to(page, pipeline)
    return page


async def talk_to(page: Page, pipeline: str) -> None:
    """Press the button of a pipeline."""
    button = f"document.querySelector('[data-pipeline={pipeline}]')"
    await page.wait(button)
    await page.value(f"{button}.focus()")
    await page.press("Enter")


async def test_a_conversation_is_heard_answered_and_interrupted(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    pytest.importorskip("pocketsphinx", reason="install the speech extra")
    pipelines = {"assistant": assistant()}
    async with talk_port(runtime_with, pipelines) as (server, _, runtime):
        page = await opened(browser, server, "assistant")
        words = ".querySelector('.words').textContent"
        assert await page.wait(f"{entry('person')}{words}") == FIRST
        await page.wait(f"{STATE} === 'answering' && {entry('agent')}.dataset.latency")
        assert (await page.value(f"{entry('agent')}{words}")).startswith("It is late")
        assert await page.wait(f"{LEVEL} > 30")
        # The next command is spoken into the answer, which ends at once.
        await page.wait(f"{entry('agent')}.dataset.cut === ''")
        assert await page.wait(f"{LEVEL} === 0")
        assert await page.wait(f"{entry('person', 1)}{words}") == SECOND
        assert await page.wait(f"{entry('agent', 1)}{words}") == SHORT_ANSWER
        await page.wait(f"{entry('agent', 1)}.dataset.latency")
        for number in (0, 1):
            seconds = float(await page.value(f"{entry('agent', number)}.dataset.latency"))
            beyond = seconds - END_OF_TURN_SECONDS
            print(f"mouth to ear: {seconds:.3f} s, {beyond:.3f} s beyond the end of the turn")
        (session,) = runtime.sessions.values()
        await page.value("document.querySelector('#end').click()")
        await session.ended.wait()
        assert page.problems() == []


async def test_escape_silences_the_voice(runtime_with: OpenRuntime, browser: Browser) -> None:
    pipelines = {"tone": of_one("ToneNode")}
    async with talk_port(runtime_with, pipelines) as (server, _, _):
        page = await opened(browser, server, "tone")
        await page.wait(f"{LEVEL} > 50")
        await page.press("Escape")
        await page.wait(f"{STATE} === 'listening'")
        await page.wait(f"{LEVEL} === 0")
        shown = await page.value("document.querySelector('#transcript').innerText")
        # Text of a node is text; partial text was replaced by what followed.
        assert shown.count(HOSTILE) == 1
        assert "interrupted" in shown
        assert await page.value("window.hit === undefined")
        assert page.problems() == []


@pytest.mark.parametrize(
    ("kind", "shown"), [("PiecesNode", "It is late."), ("WholeNode", "It is late!")]
)
async def test_an_answer_is_its_pieces_until_the_whole_comes(
    runtime_with: OpenRuntime, browser: Browser, kind: str, shown: str
) -> None:
    pipelines = {"pieces": of_one(kind, node="said")}
    async with talk_port(runtime_with, pipelines) as (server, _, _):
        page = await opened(browser, server, "pieces")
        words = f"{entry('agent')}.querySelector('.words').textContent"
        await page.wait(f"{words} === {shown!r}")
        is_partial = await page.value(f"{entry('agent')}.hasAttribute('data-partial')")
        assert is_partial == (kind == "PiecesNode")
        assert await page.value("document.querySelectorAll('.entry').length") == 1


async def test_a_failing_node_is_named_on_the_page(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    pipelines = {"echo": of_one("PassThrough", "multiprocess", "culprit")}
    async with talk_port(runtime_with, pipelines) as (server, _, runtime):
        page = await opened(browser, server, "echo")
        await page.wait(f"{STATE} === 'listening'")
        (session,) = runtime.sessions.values()
        os.kill(session.processes()["culprit"], signal.SIGKILL)
        await page.wait(f"{STATE} === 'ended'")
        assert "SIGKILL" in await page.text("#problem")
        assert await page.value("document.activeElement.id") == "again"
        await page.press("Enter")
        await page.wait(f"{STATE} === 'listening'")
        # A tab that is closed ends its session.
        (session,) = runtime.sessions.values()
        await page.go("about:blank")
        await session.ended.wait()


async def test_a_page_without_https_explains_why_there_is_no_microphone(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    title = HOSTILE
    hostile = manifest({"a": "PassThrough"})
    object.__setattr__(hostile.metadata, "description", title)
    async with talk_port(runtime_with, {"echo": hostile}, tokens=TOKEN) as (server, _, runtime):
        page = await browser.new_page()
        await page.go(f"http://talk.test:{server.address.port}/talk/")
        await page.wait("document.querySelector('#token')")
        await page.value(
            f"document.querySelector('#token').value = {TOKEN!r};"
            "document.querySelector('form button').click()"
        )
        text = "document.querySelector('#list-problem:not([hidden])').innerText"
        assert "https" in await page.wait(text)
        assert title in await page.text("#pipelines")
        assert await page.value("window.hit === undefined")
        await talk_to(page, "echo")
        await page.wait(f"{STATE} === 'ended'")
        assert "localhost" in await page.text("#problem")
        assert not runtime.sessions
        await page.value("document.querySelector('#sign-out button').click()")
        await page.wait("document.querySelector('#token')")


async def test_a_blocked_microphone_is_explained(
    runtime_with: OpenRuntime, browser: Browser
) -> None:
    async with talk_port(runtime_with, {"echo": of_one("PassThrough")}) as (server, _, _):
        page = await browser.new_page()
        # The flag that gives this browser its microphone answers each question with yes.
        refuse = (
            "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', NAME))"
        )
        for name, text in (("NotAllowedError", "is blocked"), ("NotFoundError", "no microphone")):
            await page.go(f"http://{server.address}/talk/")
            await page.wait("document.querySelector('[data-pipeline=echo]')")
            await page.value(f"{refuse.replace('NAME', repr(name))}; 1")
            await talk_to(page, "echo")
            await page.wait(f"{STATE} === 'ended'")
            assert text in await page.text("#problem")


async def test_the_example_talks_from_a_page_of_another_site(
    runtime_with: OpenRuntime, browser: Browser, site: str
) -> None:
    pipelines = {"tone": of_one("ToneNode")}
    own: dict[str, Any] = {"tokens": TOKEN, "talk_origins": (site,)}
    async with talk_port(runtime_with, pipelines, **own) as (server, _, runtime):
        page = await browser.new_page()
        await page.go(f"{site}/index.html")
        await page.wait("document.querySelector('#form').onsubmit")
        values = {"server": f"ws://{server.address}", "pipeline": "tone", "token": TOKEN}
        for name, value in values.items():
            await page.value(f"document.querySelector('[name={name}]').value = {value!r}")
        await page.value("document.querySelector('[name=pipeline]').focus()")
        await page.press("Enter")
        line = "document.querySelector('[data-type={}]').textContent"
        assert HOSTILE in await page.wait(line.format("text"))
        (session,) = runtime.sessions.values()
        await page.value("document.querySelector('#interrupt').click()")
        await page.wait(line.format("interrupt"))
        await page.value("document.querySelector('#stop').click()")
        await page.wait(line.format("ended"))
        await session.ended.wait()
        assert page.problems() == []


async def test_the_demo_answers_in_the_browser(browser: Browser, tmp_path: Path) -> None:
    pytest.importorskip("pocketsphinx", reason="install the speech extra")
    process = start("demo", "--web", "--port", "0", folder=tmp_path)
    try:
        assert process.stderr is not None
        line = await trio.to_thread.run_sync(process.stderr.readline)
        found = re.search(rb"talk on (http://\S+)", line)
        assert found is not None, line
        page = await browser.new_page()
        await page.go(found[1].decode())
        await talk_to(page, "home-assistant")
        words = ".querySelector('.words').textContent"
        assert await page.wait(f"{entry('person')}{words}") == FIRST
        answer = "It is ten minutes past nine."
        assert await page.wait(f"{entry('agent')}{words}") == answer
        assert await page.wait(f"{entry('agent')}.dataset.latency")
        process.send_signal(signal.SIGINT)
        done = await trio.to_thread.run_sync(finish, process)
        assert done.returncode == 0, done.stderr
        await page.wait(f"{STATE} === 'ended'")
        assert "shutting down" in await page.text("#problem")
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


@pytest.fixture
def site() -> Iterator[str]:
    """Serve the example from a port of its own."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Quiet, directory=str(EXAMPLE))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
