"""Where the latency goes, on the page of a session in a real browser."""

import os
from pathlib import Path

from runtime import Runtime
from tests.browser.chromium import Browser
from tests.console.serving import console_port, session_fragment, signed_in
from tests.console.specimens import HOSTILE, tone
from tests.console.test_pages import CONTRASTS, running
from tests.session.pipelines import manifest

BUTTON = "document.querySelector('.latency button')"
NOTE = "document.querySelector('.latency .hint').textContent"
MARKED = "document.querySelector('.waterfall li[data-marked] .name').textContent"
CHOOSE = "document.querySelector('[data-node=hear]').dispatchEvent(new Event('click'))"
PICTURES = os.environ.get("MILLRACE_TEST_PICTURES")
"""A folder for pictures of the page, if somebody wants to look at it."""


async def test_the_page_shows_where_the_latency_goes_while_the_user_asks(
    runtime: Runtime, browser: Browser
) -> None:
    pipeline = manifest(
        {"vad": "PassThrough", "hear": ("Working", {"seconds": 0.01}), "speak": "InBatches"},
        ["vad > hear", "hear > speak"],
        places={"hear": "multiprocess"},
    )
    async with (
        console_port(runtime) as (server, _),
        running(runtime, pipeline, tone) as session,
    ):
        page = await signed_in(browser, server, session_fragment(session.id))
        await page.wait("document.querySelector('[data-node=hear]')")
        assert await page.value(f"{BUTTON}.getAttribute('aria-pressed')") == "false"
        await page.value(f"{BUTTON}.focus()")
        await page.press("Enter")
        await page.wait("document.querySelectorAll('.latency-quantiles .waterfall').length === 2")
        await page.wait("document.querySelector('.latency-results .waterfall')")
        note = await page.text(".latency .hint")
        assert "results" in note
        assert "sum up to the whole" in note
        names = "[...document.querySelectorAll('.latency-quantiles figure:first-child .name')]"
        shown = await page.value(f"{names}.map((each) => each.textContent)")
        assert shown == ["client", "vad", "hear", "speak", "client"]
        assert "process 1" in await page.text(".latency-quantiles li:nth-child(3) .parts")
        assert " of " in await page.text(".latency-quantiles .when")
        # A node that is chosen meanwhile is marked, and the chunks are still followed.
        await page.value(CHOOSE)
        await page.wait(f"{MARKED} === 'hear'")
        await page.press("Escape")
        for width, height in ((1400, 1000), (390, 844)):
            for scheme in ("light", "dark"):
                await page.look_like(width=width, height=height, scheme=scheme, phone=width < 500)
                assert await page.value("document.documentElement.scrollWidth") <= width
                assert await page.value(CONTRASTS) == [], (width, scheme)
                if PICTURES:
                    path = Path(PICTURES, f"latency-{width}-{scheme}.png")
                    await page.screenshot(path, whole=True)
        await page.value(f"{BUTTON}.click()")
        await page.wait(f"{NOTE}.startsWith('Stopped')")
        assert await page.value(f"{BUTTON}.textContent") == "Explain latency"
        assert page.problems() == []


async def test_the_waterfall_stays_when_the_session_ends(
    runtime: Runtime, browser: Browser
) -> None:
    pipeline = manifest({"a": "PassThrough"})
    async with console_port(runtime) as (server, _), running(runtime, pipeline, tone) as session:
        page = await signed_in(browser, server, session_fragment(session.id))
        await page.wait("document.querySelector('[data-node=a]')")
        await page.value(f"{BUTTON}.click()")
        await page.wait("document.querySelector('.latency-results .waterfall')")
        session.kill(HOSTILE)
        await page.wait("document.querySelector('.banner:not([hidden])')")
        await page.wait(f"{NOTE}.startsWith('Until')")
        assert await page.value("document.querySelectorAll('.latency-track span').length") > 0
        assert page.problems() == []
