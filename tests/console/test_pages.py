"""The console in a real browser, against a real server with real pipelines."""

import io
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio

from actors import Data, Text
from runtime import Manifest, Runtime, Session, manifest_from
from runtime.config import Log
from runtime.console import Console
from runtime.console.feeds import Feed
from runtime.errors import MillraceError
from runtime.logs import log_written
from runtime.metrics import Drain
from runtime.session import TapQueue
from tests.browser.chromium import Browser, Page
from tests.console.serving import console_port, session_fragment, sign_in, signed_in
from tests.console.specimens import HOSTILE, ITEMS, tone
from tests.session.pipelines import manifest

PLACES = ["native", "multiprocess"]
LIVE = "document.querySelector('#connection').dataset.state === 'live'"


@pytest.fixture(autouse=True)
def log() -> Iterator[None]:
    """Log as a server does."""
    with log_written(Log(), io.StringIO()):
        yield


@asynccontextmanager
async def running(
    runtime: Runtime,
    pipeline: Manifest,
    make: Callable[[], Data] | None = None,
    *,
    peer: str = "10.0.0.17:51234",
) -> AsyncIterator[Session]:
    """Run a session, and send it fifty items a second; ignore its error."""

    async def send(session: Session) -> None:
        assert make is not None
        while True:
            await session.send(make())
            await trio.sleep(0.02)

    async def hold(*, task_status: trio.TaskStatus[Session]) -> None:
        with suppress(MillraceError):
            async with runtime.open_session(pipeline, peer=peer) as session:
                await session.wait_ready()
                async with trio.open_nursery() as inside:
                    if make is not None:
                        inside.start_soon(send, session)
                    inside.start_soon(drain, session)
                    task_status.started(session)
                    await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        yield await nursery.start(hold)
        nursery.cancel_scope.cancel()


async def drain(session: Session) -> None:
    async for _ in session:
        pass


def pair(place: str = "native", kind: Any = "PassThrough") -> Manifest:
    """A pipeline of two nodes."""
    return manifest({"first": kind, "second": kind}, ["first > second"], places={"second": place})


def value_of(name: str) -> str:
    """Return the JavaScript for a value in the panel of the chosen node."""
    return f"document.querySelector('[data-value={json.dumps(name)}]').textContent"


@pytest.mark.parametrize("place", PLACES)
async def test_the_numbers_on_the_page_are_those_of_the_registry(
    runtime: Runtime, browser: Browser, place: str
) -> None:
    async with console_port(runtime) as (server, _), running(runtime, pair(place)) as session:
        page = await signed_in(browser, server, session_fragment(session.id, "second"))
        for number in range(137):
            await session.send(Text(str(number)))
        await page.wait(f"{value_of('Items out')} === '137'")
        (figures,) = runtime.metrics.sessions()
        node = figures.nodes[1].statistics
        assert node.items_in == node.items_out == 137
        shown = {name: await page.value(value_of(name)) for name in ("Items in", "Type", "Runs")}
        pid = figures.nodes[1].process_id
        assert shown == {
            "Items in": "137",
            "Type": "PassThrough",
            "Runs": f"process {pid}" if place == "multiprocess" else "native",
        }
        label = "document.querySelector('[data-node=first]').getAttribute('aria-label')"
        assert "137 items in, 137 out" in await page.value(label)
        await page.press("Escape")
        await page.wait("document.querySelector('.panel').hidden")
        tiles = await page.value("document.querySelector('.tiles').innerText")
        assert tiles.count("137 in all") == 2
        assert page.problems() == []


async def test_a_killed_node_process_shows_with_its_reason(
    runtime: Runtime, browser: Browser
) -> None:
    async with console_port(runtime) as (server, _):
        async with running(runtime, pair("multiprocess"), tone) as session:
            page = await signed_in(browser, server, session_fragment(session.id))
            await page.wait("document.querySelector('[data-node=second]')")
            killed_at = trio.current_time()
            os.kill(session.processes()["second"], signal.SIGKILL)
            await page.wait("document.querySelector('[data-node=second][data-level=failed]')")
            print(f"shown after {trio.current_time() - killed_at:.2f} s")
            banner = await page.text(".banner")
            assert "failed: process exit in node second" in banner
            assert "SIGKILL" in banner
            assert await page.text("[data-node=second] .state") == "failed"
        # Others, who look later, find it in the list.
        await page.value("location.hash = '#/'")
        row = await page.wait("document.querySelector('.endings tbody tr').innerText")
        assert "process exit" in row
        assert "second" in row
        await page.value("document.querySelector('.endings tbody a').click()")
        await page.wait("document.querySelector('.banner:not([hidden])')")
        assert page.problems() == []


async def test_a_page_comes_back_after_the_server_was_away(
    runtime: Runtime, browser: Browser
) -> None:
    async with running(runtime, pair(), tone) as session:
        async with console_port(runtime) as (server, _):
            address = str(server.address)
            page = await signed_in(browser, server, session_fragment(session.id))
            await page.wait("document.querySelector('[data-node=first]')")
        await page.wait("document.querySelector('#connection').dataset.state === 'lost'")
        assert "no connection" in await page.text("#connection")
        async with console_port(runtime, address=address):
            await page.wait(LIVE)
            before = await page.text(".tiles")
            await page.wait(
                f"document.querySelector('.tiles').textContent !== {json.dumps(before)}"
            )
            # A network that is gone closes nothing: silence does.
            offline = {"latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
            await page.command("Network.emulateNetworkConditions", offline=True, **offline)
            with suppress(AssertionError):
                await page.value("fetch('/console/recordings')")
            online = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
            await page.command("Network.emulateNetworkConditions", offline=False, **online)
            await page.wait(LIVE)
        async with console_port(runtime, address=address, tokens="another"):
            await page.wait("document.querySelector('#token')")


async def test_text_of_clients_and_nodes_is_never_markup(
    runtime: Runtime, browser: Browser
) -> None:
    nodes = [{"id": name, "node_type": "PassThrough"} for name in ("first", "second")]
    hostile = manifest_from(
        {
            "version": "v1",
            "metadata": {"name": HOSTILE},
            "nodes": nodes,
            "connections": [{"from": "first", "to": "second"}],
        }
    )
    async with (
        console_port(runtime) as (server, _),
        running(runtime, hostile, ITEMS["json"], peer=HOSTILE) as session,
    ):
        page = await signed_in(browser, server)
        await page.wait("document.querySelector('.sessions tbody tr')")
        assert HOSTILE in await page.text(".sessions tbody")
        await page.value(f"location.hash = {json.dumps(session_fragment(session.id, 'first'))}")
        await page.wait("document.querySelector('.tree').textContent.includes('onerror')")
        await page.wait(f"document.querySelector('h1').textContent === {json.dumps(HOSTILE)}")
        session.kill(HOSTILE)
        await page.wait("document.querySelector('.banner').textContent.includes('onerror')")
        await page.press("Escape")
        await page.wait("document.querySelector('.log').textContent.includes('onerror')")
        assert await page.value("document.querySelectorAll('main img, main script').length") == 0
        assert page.problems() == []
        # And where markup gets in by a mistake of ours, the policy does not let it run.
        await page.value(
            f"document.querySelector('main').innerHTML = {json.dumps(HOSTILE)};"
            "const made = document.createElement('script');"
            "made.textContent = 'window.hit = 1';"
            "document.body.append(made)"
        )
        await page.wait("document.querySelector('main img').complete")
        assert await page.value("window.hit") is None
        assert any("script" in problem for problem in page.problems())


async def test_the_keyboard_reaches_a_session_and_its_nodes(
    runtime: Runtime, browser: Browser
) -> None:
    async with console_port(runtime) as (server, _), running(runtime, pair(), tone) as session:
        page = await signed_in(browser, server)
        await page.wait("document.querySelector('.sessions tbody a')")
        await page.value("document.querySelector('input[type=search]').focus()")
        await page.press("Tab")
        await page.press("Enter")
        await page.wait("document.querySelector('[data-node=first]')")
        await page.value("document.querySelector('[data-node=first]').focus()")
        await page.press("ArrowRight")
        await page.press("Enter")
        await page.wait("document.querySelector('.panel h2').textContent === 'second'")
        assert await page.value("location.hash") == session_fragment(session.id, "second")
        pressed = "document.querySelector('[data-node=second]').getAttribute('aria-pressed')"
        assert await page.value(pressed) == "true"
        await page.press("Escape")
        await page.wait("document.querySelector('.panel').hidden")
        # The focus has a visible outline.
        await page.value("document.querySelector('nav a').focus()")
        await page.press("Tab")
        outline = "getComputedStyle(document.activeElement).outlineStyle"
        assert await page.value(outline) == "solid"


CONTRASTS = """(() => {
  const luminance = ([r, g, b]) => [r, g, b].map((c) => c / 255).map((c) =>
    c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const numbers = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const box = at.matches?.('.node') ? at.querySelector('.box') : null;
      const style = getComputedStyle(box ?? at);
      const [r, g, b, a = 1] = numbers(box ? style.fill : style.backgroundColor);
      if (a > 0 && r !== undefined) return [r, g, b];
    }
    return [255, 255, 255];
  };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.textContent.trim();
    if (!words || element.matches('title, option, noscript')) continue;
    if (!element.getClientRects().length) continue;
    const style = getComputedStyle(element);
    const text = numbers(element.namespaceURI.endsWith('svg') ? style.fill : style.color);
    const [a, b] = [luminance(text), luminance(ground(element))].sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) low.push(`${words}: ${contrast.toFixed(2)}`);
  }
  return low;
})()"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_can_be_read_on_a_phone_and_on_a_desk(
    runtime: Runtime, browser: Browser, scheme: str
) -> None:
    long = "a_name_that_goes_on_" * 12
    busy = manifest({long: "PassThrough", "slow": ("Slow", {"seconds": 0.1})}, [f"{long} > slow"])
    async with (
        console_port(runtime) as (server, _),
        running(runtime, busy, tone, peer="a" * 60) as session,
    ):
        async with running(runtime, pair(), tone) as other:
            other.kill("a reason " * 20)
        page = await signed_in(browser, server)
        for width, height, phone in ((1400, 900, False), (390, 844, True)):
            await page.look_like(width=width, height=height, scheme=scheme, phone=phone)
            for fragment, sign in (
                ("#/", ".sessions tbody tr"),
                (session_fragment(session.id, long), ".waveform"),
                (session_fragment(other.id), ".banner:not([hidden])"),
                ("#/recordings", "#recordings"),
            ):
                await page.value(f"location.hash = {json.dumps(fragment)}")
                await page.wait(f"document.querySelector({json.dumps(sign)})")
                wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
                assert await page.value(wide) <= 0, (fragment, width)
                assert await page.value(CONTRASTS) == [], (fragment, width)
        assert page.problems() == []


SHOWN = {
    "audio": "document.querySelector('.tap canvas.waveform')",
    "video": "document.querySelector('.tap .pictures canvas')",
    "planar video": "document.querySelector('.tap .pictures canvas')",
    "text": "document.querySelector('.tap .texts li')",
    "json": "document.querySelector('.tap details')",
    "array": "document.querySelector('.tap').textContent.includes('float32')",
    "binary": "document.querySelector('.tap').textContent.includes('00 01 02')",
    "bundle": "document.querySelector('.tap canvas') && document.querySelector('.tap .texts li')",
}


async def test_the_outputs_of_a_chosen_node_are_shown_in_their_own_way(
    runtime: Runtime, browser: Browser
) -> None:
    async with console_port(runtime) as (server, _):
        page = await signed_in(browser, server)
        for name, make in ITEMS.items():
            async with running(runtime, pair(), make) as session:
                await page.value(
                    f"location.hash = {json.dumps(session_fragment(session.id, 'first'))}"
                )
                await page.wait(SHOWN[name])
        assert page.problems() == []


@pytest.mark.parametrize("place", PLACES)
async def test_a_tap_is_removed_when_the_page_looks_elsewhere_or_leaves(
    runtime: Runtime, browser: Browser, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_taps: list[str] = []
    opened: list[str] = []
    async with console_port(runtime) as (server, console):
        assert console is not None
        async with running(runtime, pair(place), tone) as session:
            tap = session.tap

            @asynccontextmanager
            async def counted(node: str, *, capacity: int) -> AsyncIterator[TapQueue]:
                async with tap(node, capacity=capacity) as queue:
                    open_taps.append(node)
                    opened.append(node)
                    try:
                        yield queue
                    finally:
                        open_taps.remove(node)

            async def assert_no_tap(feed: Feed) -> None:
                count = len(opened)
                for _ in range(2):  # a page that shows the node opens a tap four times a second
                    await feed.wait_after(feed.number)
                assert (open_taps, len(opened)) == ([], count)

            monkeypatch.setattr(session, "tap", counted)
            page = await signed_in(browser, server, session_fragment(session.id, "second"))
            await page.wait("document.querySelector('.tap canvas')")
            await page.value("location.hash = '#/'")
            await page.wait("document.querySelector('.sessions tbody tr')")
            with console.state.feeds.watched() as feed:
                await assert_no_tap(feed)
            fragment = session_fragment(session.id, "first")
            await page.value(f"location.hash = {json.dumps(fragment)}")
            await page.wait("document.querySelector('.tap canvas')")
            with console.state.feeds.watched(session.id) as feed:
                await page.go("about:blank")
                while feed.watchers > 1:
                    await feed.wait_after(feed.number)
                await assert_no_tap(feed)


async def test_a_chosen_node_filters_the_log_and_the_timelines(
    runtime: Runtime, browser: Browser
) -> None:
    printing = manifest(
        {"loud": "Printing", "quiet": "PassThrough"},
        ["loud > quiet"],
        places={"loud": "multiprocess"},
    )
    async with console_port(runtime) as (server, _), running(runtime, printing) as session:
        await session.send(Text("one line"))
        page = await signed_in(browser, server, session_fragment(session.id))
        await page.wait("document.querySelectorAll('.log li').length >= 3")
        assert "session ready" in await page.text(".log")
        await page.value(
            "document.querySelector('[data-node=loud]').dispatchEvent(new Event('click'))"
        )
        await page.wait("!document.querySelector('.log').textContent.includes('session ready')")
        assert await page.value("document.querySelectorAll('.log li').length") >= 1
        # The newest line is in sight.
        for number in range(30):
            await session.send(Text(f"line {number}"))
        await page.wait("document.querySelectorAll('.log li').length > 50")
        end = "const { scrollTop, clientHeight, scrollHeight } = document.querySelector('.log');"
        assert await page.value(
            f"{end} scrollTop > 0 && scrollTop + clientHeight > scrollHeight - 8"
        )
        assert await page.text("#timelines") == "Timelines of loud"
        await page.value(
            "document.querySelector('[data-node=quiet]').dispatchEvent(new Event('click'))"
        )
        await page.wait("document.querySelector('.log').hidden")


async def test_a_person_signs_in_and_out(runtime: Runtime, browser: Browser) -> None:
    async with console_port(runtime) as (server, _):
        page = await browser.new_page()
        await sign_in(page, str(server.address), "wrong")
        await page.wait("document.querySelector('.wrong')")
        await sign_in(page, str(server.address))
        await page.wait(LIVE)
        assert "token" not in await page.value("location.href")
        assert await page.value("document.cookie") == ""
        await page.value("document.querySelector('.top form button').click()")
        await page.wait("document.querySelector('#token')")
        await page.go(f"http://{server.address}/console/")
        await page.wait("document.querySelector('#token')")


async def test_the_list_follows_sessions_that_begin_and_end(
    runtime: Runtime, browser: Browser
) -> None:
    async with console_port(runtime) as (server, _):
        page = await signed_in(browser, server)
        await page.wait("document.querySelector('.empty').textContent === 'No session is open.'")
        async with running(runtime, pair(), tone) as session:
            await page.wait("document.querySelectorAll('.sessions tbody tr').length === 1")
            assert session.id in await page.text(".sessions tbody")
            await fill(page, "input[type=search]", "no such")
            await page.wait("document.querySelectorAll('.sessions tbody tr').length === 0")
            await fill(page, "input[type=search]", session.id)
            await page.wait("document.querySelectorAll('.sessions tbody tr').length === 1")
        await page.wait("document.querySelectorAll('.endings tbody tr').length === 1")
        await page.wait("document.querySelectorAll('.sessions tbody tr').length === 0")
        assert "10.0.0.17:51234" in await page.text(".endings tbody")


async def test_the_timelines_begin_before_the_page_was_opened(
    runtime: Runtime, browser: Browser
) -> None:
    async with (
        console_port(runtime) as (server, console),
        running(runtime, pair(), tone) as session,
    ):
        assert console is not None
        for _ in range(20):
            await console.state.histories.sample()
        page = await signed_in(browser, server, session_fragment(session.id))
        await page.wait("document.querySelectorAll('.timeline canvas').length === 4")
        history = json.loads(await console.state.histories.text(session.id))
        live = json.loads(await anext_text(console, session))
        first, second, third, fourth = await page.value(
            "(async () => {"
            "const { History } = await import('/console/assets/history.js');"
            f"const history = new History(); history.load({json.dumps(history)});"
            "const before = history.points.length;"
            f"history.add({json.dumps(live)});"
            "const [last] = history.points.slice(-1);"
            "return [before, history.points.length, last.session.in_rate,"
            " history.points[1].nodes.get(history.points[1].nodes.keys().next().value).in_rate];"
            "})()"
        )
        assert first == len(history["clocks"]) >= 20
        assert second == first + 1
        # The first snapshot has no rate of its own: it goes on with the last of the history.
        assert third == history["rows"][""]["in_rate"][-1]
        assert fourth is not None


async def anext_text(console: Console, session: Session) -> str:
    with console.state.feeds.watched(session.id) as feed:
        await feed.wait_after(feed.number)
        return feed.text


async def test_every_page_states_that_the_server_shuts_down(
    runtime: Runtime, browser: Browser
) -> None:
    shown = "!document.querySelector('#draining').hidden"
    async with console_port(runtime) as (server, _), running(runtime, pair(), tone) as session:
        page = await signed_in(browser, server)
        await page.wait("document.querySelectorAll('.sessions tbody tr').length === 1")
        assert not await page.value(shown)
        runtime.metrics.drain = Drain(time.time() + 60)
        await page.wait(shown)
        assert "it ends the sessions that still run at" in await page.text("#draining")
        runtime.metrics.drain = Drain(None)
        other = await signed_in(browser, server, session_fragment(session.id))
        waits = "it waits until all sessions have ended"
        await other.wait(f"document.querySelector('#draining').textContent.includes({waits!r})")


async def fill(page: Page, selector: str, text: str) -> None:
    await page.value(
        f"(() => {{ const input = document.querySelector({json.dumps(selector)});"
        f"input.value = {json.dumps(text)};"
        "input.dispatchEvent(new Event('input')); })()"
    )
