"""TurnNode."""

import json
from collections.abc import Iterator
from typing import Annotated, Final, Literal

from ..actor import Actor, State
from ..data import DEFAULT_CHANNEL, Audio, CancelSpeculation, Control, Data, Json, Text
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._small_json import small_value
from ._vad_event import VadEvent

_LONGEST_MS: Final = 60_000
_ENDS: Final = tuple(".!?\u3002\uff01\uff1f")
_GOES_ON: Final = tuple(",-\u2026\u3001")
# Text that nobody answers is not collected without an end.
_MOST_CHARACTERS: Final = 65_536
_REMEMBERED: Final = (
    "position_ms",
    "has_events",
    "is_speech",
    "speech_ms",
    "silence_ms",
    "turn_ms",
    "final",
    "partial",
    "language",
    "given",
    "turns",
    "turn_end_ms",
    "may_interrupt",
)


class TurnParams(Params):
    """The pauses of TurnNode, and what interrupts an answer."""

    silence_ms: int = Field(
        700, ge=0, le=_LONGEST_MS, description="ms of silence that end a turn of the person"
    )
    complete_silence_ms: int = Field(
        300, ge=0, le=_LONGEST_MS, description="the same, after text that ends with . ! or ?"
    )
    unfinished_silence_ms: int = Field(
        1500,
        ge=0,
        le=_LONGEST_MS,
        description="the same, after a comma or one of unfinished_words",
    )
    unfinished_words: list[Annotated[str, Field(max_length=100)]] = Field(
        ["a", "an", "and", "because", "but", "er", "or", "so", "the", "to", "uh", "um", "with"],
        max_length=256,
        description="words after which somebody goes on, in lower case",
    )
    use_partial: bool = Field(
        True,
        description="whether partial text of the recognizer ends a turn, or final text only",
    )
    max_turn_ms: int = Field(
        _LONGEST_MS,
        ge=1000,
        le=600_000,
        description="ms after which a turn ends although the person still speaks",
    )
    barge_in: Literal["speech", "words", "off"] = Field(
        "speech",
        description='what interrupts an answer: "speech" of barge_in_ms, recognized "words", '
        'or nothing: "off"',
    )
    barge_in_ms: int = Field(
        200, ge=0, le=_LONGEST_MS, description="ms of speech that interrupt; a cough is shorter"
    )
    barge_in_words: int = Field(1, ge=1, le=100, description="words that interrupt")


class TurnNode(Actor[TurnParams]):
    """Decide when the person has finished speaking, and when an answer is interrupted.

    In: the events and the audio of a SileroVADNode, and the text of a recognizer, whose partial
    results have the metadata `partial` = "true". Out: one text for each turn of the person, with
    the metadata

        turn             its number, from 1
        start_ms, end_ms where its speech lies in the stream
        silence_ms       how long the person had been silent when the turn ended

    and, when the person speaks after a turn, a control message that cancels what is made of the
    turns before: CancelSpeculation from 0 to the timestamp of the current item. It reaches the
    nodes after this one past all waiting items, and the client as a result.

    A turn ends when there is text and the person is silent: for complete_silence_ms after a
    sentence's end, for unfinished_silence_ms after a word that promises more, for silence_ms after
    other text. Time is that of the stream, so it passes only while audio comes. Without a single
    VAD event, each final text is a turn.
    """

    accepts = frozenset({Kind.AUDIO, Kind.JSON, Kind.TEXT})
    produces = frozenset({Kind.TEXT, Kind.CONTROL})

    def initialize(self) -> None:
        """Start in silence."""
        self._position_ms = 0.0
        self._has_events = False
        self._is_speech = False
        self._speech_ms = 0.0  # where the latest speech started
        self._silence_ms = 0.0  # where the latest speech ended
        self._turn_ms: float | None = None  # where the speech of this turn started
        self._final: list[str] = []
        self._partial = ""
        self._language = ""
        self._given = ""  # partial text of the last turn, whose final text is still to come
        self._turns = 0
        self._turn_end_ms = 0.0
        self._may_interrupt = False

    def process(self, item: Data) -> Iterator[Text | Control]:
        """Yield the barge-in or the end of a turn that an item brings.

        Raises:
            DataError: JSON that is no event of SileroVADNode, or text that is longer than a turn.
        """
        match item:
            case Json():
                self._take_event(item)
            case Audio():
                self._position_ms += item.duration_seconds * 1000
            case Text() if item.channel in ("", DEFAULT_CHANNEL):
                self._take_text(item)
        if self._may_interrupt and self._interrupts():
            self._may_interrupt = False
            yield self._cancellation()
        if self._is_over():
            yield self._end_turn()

    def flush(self) -> Iterator[Text]:
        """Yield the turn that is open at the end of the stream."""
        if self._text():
            yield self._end_turn()

    def export_state(self) -> dict[str, State]:
        """Return the turn that is open, and where the stream is."""
        return {name: getattr(self, f"_{name}") for name in _REMEMBERED}

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with it."""
        for name in _REMEMBERED:
            setattr(self, f"_{name}", state[name])

    def _take_event(self, item: Json) -> None:
        event = VadEvent.read(item)
        self._has_events = True
        if event.is_speech and not self._is_speech:
            self._is_speech, self._speech_ms = True, self._position_ms
            self._turn_ms = self._position_ms if self._turn_ms is None else self._turn_ms
        if self._is_speech and (event.is_end or not event.is_speech):
            self._is_speech = False
            # The event comes late by the detector's own silence, and has the place of the end.
            place = _timestamp(item) if event.is_end else None
            self._silence_ms = self._position_ms if place is None else place

    def _take_text(self, item: Text) -> None:
        if len(item.text) > _MOST_CHARACTERS:
            raise DataError(
                f"the text has {len(item.text)} characters; a turn has at most {_MOST_CHARACTERS}"
            )
        text = item.text.strip()
        if not text:
            return
        self._language = item.language
        if self._given and text.startswith(self._given):
            text = text[len(self._given) :].strip()
        if item.metadata.get("partial") == "true":
            self._partial = text
            return
        self._partial, given, self._given = "", self._given, ""
        # The final form of text that was a turn already: what is new in it belongs to speech that
        # has begun since, or to nothing.
        if text and not (given and self._turn_ms is None):
            self._final = [*self._final, text]

    def _text(self) -> str:
        partial = [self._partial] if self._partial and self.params.use_partial else []
        return " ".join([*self._final, *partial])

    def _interrupts(self) -> bool:
        match self.params.barge_in:
            case "speech":
                # Speech that a turn cut off interrupts nothing; the person has to begin anew.
                is_new = self._is_speech and self._speech_ms >= self._turn_end_ms
                return is_new and self._position_ms - self._speech_ms >= self.params.barge_in_ms
            case "words":
                words = len(" ".join([*self._final, self._partial]).split())
                return words >= self.params.barge_in_words
        return False

    def _is_over(self) -> bool:
        text = self._text()
        if not text:
            return False
        if not self._has_events:
            return not self._partial
        if len(text) > _MOST_CHARACTERS:
            return True
        if self._is_speech:
            began = self._turn_ms or 0.0
            return self._position_ms - began >= self.params.max_turn_ms
        return self._position_ms - self._silence_ms >= self._needed_silence(text)

    def _needed_silence(self, text: str) -> int:
        if text.endswith(_ENDS):
            return self.params.complete_silence_ms
        last = text.rpartition(" ")[2].lower()
        if text.endswith(_GOES_ON) or last in self.params.unfinished_words:
            return self.params.unfinished_silence_ms
        return self.params.silence_ms

    def _end_turn(self) -> Text:
        text = self._text()
        end = self._position_ms if self._is_speech else self._silence_ms
        start = end if self._turn_ms is None else self._turn_ms
        self._turns += 1
        self._turn_end_ms = self._position_ms
        self._given = self._partial if self.params.use_partial else ""
        self._final, self._partial = [], ""
        self._turn_ms = self._position_ms if self._is_speech else None
        self._may_interrupt = True
        return Text(
            text,
            language=self._language,
            metadata={
                "turn": str(self._turns),
                "start_ms": str(round(start)),
                "end_ms": str(round(end)),
                "silence_ms": str(max(round(self._position_ms - end), 0)),
            },
        )

    def _cancellation(self) -> Control:
        now = self.context.timestamp_ms
        details = {
            "reason": "barge_in",
            "turn": self._turns,
            "position_ms": round(self._position_ms),
        }
        return Control(CancelSpeculation(0, now), timestamp_ms=now, details=json.dumps(details))


def _timestamp(item: Json) -> float | None:
    event = small_value(item)
    place = event.get("timestamp_ms") if isinstance(event, dict) else None
    if isinstance(place, int | float) and not isinstance(place, bool) and place >= 0:
        return float(place)
    return None
