"""How far ahead of a page's playback audio is sent."""

import pytest
import trio
from trio.testing import MockClock

from runtime.talk.playback import AHEAD_SECONDS, Playback


async def test_audio_is_sent_twenty_seconds_ahead_and_then_in_real_time(
    autojump_clock: MockClock,
) -> None:
    playback, began = Playback(), trio.current_time()
    for _ in range(300):
        await playback.wait_for_room(0.1)
    assert trio.current_time() - began == pytest.approx(30 - 0.1 - AHEAD_SECONDS)


async def test_a_pause_lets_a_page_play_all_it_has(autojump_clock: MockClock) -> None:
    playback = Playback()
    await playback.wait_for_room(AHEAD_SECONDS)
    await trio.sleep(AHEAD_SECONDS + 100)
    began = trio.current_time()
    await playback.wait_for_room(AHEAD_SECONDS)
    await playback.wait_for_room(0.1)
    assert trio.current_time() == began


async def test_a_stop_ends_the_wait_and_makes_room(autojump_clock: MockClock) -> None:
    playback = Playback()
    await playback.wait_for_room(1000)
    began = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(playback.wait_for_room, 1.0)
        await trio.sleep(1)
        playback.stop()
    await playback.wait_for_room(AHEAD_SECONDS - 2)
    assert trio.current_time() == began + 1
