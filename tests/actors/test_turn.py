"""TurnNode: the end of a turn by silence and text, and barge-in."""

import numpy as np
import pytest
import trio

from actors import Audio, CancelSpeculation, Control, Data, Json, Text
from actors.errors import DataError
from actors.nodes.turn import TurnNode, TurnParams
from tests.session.pipelines import manifest


class Turns:
    """A TurnNode with a stream of 100 ms chunks."""

    def __init__(self, **params: object) -> None:
        self.node = TurnNode(TurnParams.model_validate(params))
        self.node.initialize()
        self.given: list[Data] = []
        self.position_ms = 0

    def chunks(self, ms: int, *, speech: bool, start: bool = False, end: bool = False) -> None:
        for number in range(ms // 100):
            event = {
                "has_speech": speech,
                "is_speech_start": start and number == 0,
                "is_speech_end": end and number == 0,
                "timestamp_ms": self.position_ms,
            }
            self.feed(Json(event), Audio(np.zeros(1600, np.float32), 16000))
            self.position_ms += 100

    def speak(self, ms: int) -> None:
        self.chunks(ms, speech=True, start=True)

    def pause(self, ms: int) -> None:
        self.chunks(ms, speech=False, end=True)

    def hear(self, text: str, *, partial: bool = False) -> None:
        self.feed(Text(text, metadata={"partial": "true"} if partial else {}))

    def feed(self, *items: Data) -> None:
        for item in items:
            self.node.context.timestamp_ms = 5000 + self.position_ms
            self.given += self.node.process(item)

    def take(self) -> list[str]:
        taken = [item.text if isinstance(item, Text) else "!" for item in self.given]
        self.given.clear()
        return taken


@pytest.mark.parametrize(
    ("text", "silence_ms"),
    [
        ("turn on the light", 700),
        ("Turn on the light.", 300),
        ("What time is it?", 300),
        ("turn on the", 1500),
        ("First, ", 1500),
        ("I want to go to, um", 1500),
    ],
)
@pytest.mark.parametrize("partial", [False, True])
def test_a_turn_ends_after_the_silence_that_its_text_asks_for(
    text: str, silence_ms: int, partial: bool
) -> None:
    turns = Turns()
    turns.speak(1000)
    turns.hear(text, partial=partial)
    turns.pause(silence_ms - 100)
    assert turns.take() == []
    turns.chunks(100, speech=False)
    (turn,) = turns.given
    assert turns.take() == [text.strip()]
    assert turn.metadata == {
        "turn": "1",
        "start_ms": "0",
        "end_ms": "1000",
        "silence_ms": str(silence_ms),
    }


def test_text_that_comes_after_the_silence_is_a_turn_at_once() -> None:
    turns = Turns()
    turns.speak(1000)
    turns.pause(2000)
    turns.hear("hello there")
    assert turns.take() == ["hello there"]


def test_speech_that_goes_on_after_a_short_pause_is_one_turn() -> None:
    turns = Turns()
    turns.speak(500)
    turns.hear("turn on the light")
    turns.pause(400)
    turns.speak(500)
    turns.hear("in the kitchen")
    turns.pause(700)
    assert turns.take() == ["turn on the light in the kitchen"]


def test_the_final_form_of_a_partial_turn_is_no_turn_of_its_own() -> None:
    turns = Turns(barge_in="off")
    turns.speak(500)
    turns.hear("turn on", partial=True)
    turns.hear("turn on the light", partial=True)
    turns.pause(700)
    assert turns.take() == ["turn on the light"]
    turns.hear("turn on the light")
    turns.pause(2000)
    assert turns.take() == []
    turns.speak(500)
    turns.hear("and off")
    turns.pause(2000)
    assert turns.take() == ["and off"]


def test_partial_text_can_be_ignored() -> None:
    turns = Turns(use_partial=False)
    turns.speak(500)
    turns.hear("turn on", partial=True)
    turns.pause(3000)
    assert turns.take() == []
    turns.hear("turn on the light")
    assert turns.take() == ["turn on the light"]


def test_who_never_pauses_is_answered_all_the_same() -> None:
    turns = Turns(max_turn_ms=1000)
    turns.speak(500)
    turns.hear("on and on")
    turns.chunks(600, speech=True)
    assert turns.take() == ["on and on"]


def test_speech_after_a_turn_cancels_what_is_made_of_it() -> None:
    turns = Turns()
    turns.speak(500)
    turns.hear("tell me a story")
    turns.pause(700)
    assert turns.take() == ["tell me a story"]
    turns.speak(100)  # shorter than a word
    turns.pause(200)
    assert turns.take() == []
    turns.speak(1000)
    (control,) = turns.given
    assert isinstance(control, Control)
    assert control.message == CancelSpeculation(0, 6600)
    turns.hear("stop")
    turns.pause(700)
    assert turns.take() == ["!", "stop"]


def test_before_the_first_turn_nothing_is_cancelled() -> None:
    turns = Turns()
    turns.speak(2000)
    assert turns.take() == []


def test_words_can_interrupt_instead_of_any_speech() -> None:
    turns = Turns(barge_in="words", barge_in_words=2)
    turns.speak(500)
    turns.hear("tell me a story")
    turns.pause(700)
    turns.speak(500)
    turns.hear("mhm", partial=True)
    assert turns.take() == ["tell me a story"]
    turns.hear("please stop", partial=True)
    assert turns.take() == ["!"]


def test_without_a_detector_each_final_text_is_a_turn() -> None:
    turns = Turns()
    turns.hear("turn on", partial=True)
    assert turns.take() == []
    turns.hear("turn on the light")
    assert turns.take() == ["turn on the light"]


def test_the_end_of_the_stream_ends_the_turn() -> None:
    turns = Turns()
    turns.speak(500)
    turns.hear("turn on the light")
    assert [text.text for text in turns.node.flush()] == ["turn on the light"]


def test_text_for_another_channel_and_empty_text_are_skipped() -> None:
    turns = Turns()
    turns.feed(Text("Shown.", channel="ui"), Text(" "))
    assert turns.take() == []


def test_json_that_is_no_event_is_an_error() -> None:
    with pytest.raises(DataError, match="must be an event of SileroVADNode"):
        Turns().feed(Json({"speech": True}))
    with pytest.raises(DataError, match="a turn has at most 65536"):
        Turns().feed(Text("x" * 65_537))


def spoken(text: str) -> list[Data]:
    """A second of speech, a second of silence, and the text."""
    speech, silence = (
        Json({"has_speech": speech, "is_speech_start": speech}) for speech in (True, False)
    )
    second = Audio(np.zeros(16000, np.float32), 16000)
    return [speech, second, silence, second, Text(text)]


@pytest.mark.parametrize("place", ["native", "multiprocess"])
async def test_a_turn_and_its_interruption_come_out_in_both_places(runtime, place: str) -> None:
    pipeline = manifest({"turn": "TurnNode"}, places={"turn": place})
    with trio.fail_after(30):
        async with runtime.open_session(pipeline) as session:
            for at, text, expected in ((1, "One.", ["One."]), (2, "Two.", ["!", "Two."])):
                for item in spoken(text):
                    await session.send(item, timestamp_ms=1000 * at)
                results = [(await session.receive()).data for _ in expected]
                given = [item.text if isinstance(item, Text) else "!" for item in results]
                assert given == expected
