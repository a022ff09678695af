"""One browser for all tests of the room."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.browser.chromium import Browser, BrowserProcess, browser_process, chromium


@pytest.fixture(scope="session")
def browser_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BrowserProcess]:
    """A headless Chromium."""
    if chromium() is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    with browser_process(Path(tmp_path_factory.mktemp("browser"))) as process:
        yield process


@pytest.fixture
async def browser(browser_of_tests: BrowserProcess) -> AsyncIterator[Browser]:
    """The browser, without tabs."""
    async with Browser.connected(browser_of_tests) as connected:
        yield connected
