"""AudioBufferAccumulatorNode."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Final, Self

from pydantic import model_validator

from ..actor import Actor, State
from ..data import Audio, Data, Json
from ..errors import DataError
from ..kinds import Kind
from ..params import Field, Params
from ._audio_format import AudioFormat
from ._held_frames import HeldFrames
from ._slices import PAUSE, SLICE_SAMPLES, Steps, outputs_of
from ._vad_event import VadEvent

# Speech is detected some windows of 32 ms late: its first sound would be cut off.
_PRE_ROLL_MS: Final = 200


class AudioBufferAccumulatorParams(Params):
    """The duration of AudioBufferAccumulatorNode's utterances."""

    min_utterance_duration_ms: int = Field(
        250,
        ge=0,
        le=600_000,
        description="ms; speech that is shorter, without its pre-roll, is dropped",
    )
    max_utterance_duration_ms: int = Field(
        30_000,
        ge=100,
        le=600_000,
        description="ms after which speech that goes on is cut into another utterance",
    )

    @model_validator(mode="after")
    def _min_below_max(self) -> Self:
        if self.min_utterance_duration_ms > self.max_utterance_duration_ms:
            raise ValueError(
                "min_utterance_duration_ms must not be greater than max_utterance_duration_ms, got "
                f"{self.min_utterance_duration_ms} and {self.max_utterance_duration_ms}"
            )
        return self


class AudioBufferAccumulatorNode(Actor[AudioBufferAccumulatorParams]):
    """Collect the audio of each utterance, by the events of a SileroVADNode.

    In: JSON events and, each after its event, chunks of audio, as SileroVADNode gives them. Out:
    one chunk of audio an utterance: the 200 ms before speech starts, and all audio to the chunk in
    which it ends, or to the end of the stream. It has the format of its input and the metadata of
    its last chunk, and beside that

        start_ms, end_ms   where the utterance lies in the stream

    Speech shorter than min_utterance_duration_ms is dropped. No utterance is longer than
    max_utterance_duration_ms: longer speech is cut there, and the rest is an utterance, however
    short it is. No sample is in two utterances. A change of sample rate, channels or sample type
    ends an utterance.
    """

    accepts = frozenset({Kind.AUDIO, Kind.JSON})
    produces = frozenset({Kind.AUDIO})

    def initialize(self) -> None:
        """Start with silence."""
        self._event: VadEvent | None = None
        self._held = HeldFrames()
        self._last: Audio | None = None
        self._position_ms = 0.0
        self._is_open = False
        self._is_continued = False
        self._pre_roll = 0

    def process(self, item: Audio | Json) -> Iterable[Data] | AsyncIterator[Data]:
        """Yield the utterance that a chunk ends.

        Raises:
            DataError: JSON that is no VAD event.
        """
        if isinstance(item, Json):
            self._event = VadEvent.read(item)
            return ()
        held = (len(self._held) + item.frames) * item.channels
        return outputs_of(self._utterances(item), is_large=held > SLICE_SAMPLES)

    def flush(self) -> Iterable[Data] | AsyncIterator[Data]:
        """Yield the utterance that is open at the end of the stream.

        Raises:
            DataError: audio came, but not one VAD event.
        """
        last = self._last
        if last is None:
            return ()
        if self._event is None:
            raise DataError(
                "audio came without a single VAD event, so it is not known where speech is; "
                "put a SileroVADNode before this node"
            )
        is_large = len(self._held) * last.channels > SLICE_SAMPLES
        return outputs_of(self._close(), is_large=is_large)

    def export_state(self) -> dict[str, State]:
        """Return the audio that is held, the last event, and where the stream is."""
        event = self._event
        return {
            "event": None if event is None else [event.has_speech, event.is_start, event.is_end],
            "held": None if self._last is None else self._held.as_audio(self._last),
            "position_ms": self._position_ms,
            "is_open": self._is_open,
            "is_continued": self._is_continued,
            "pre_roll": self._pre_roll,
        }

    def import_state(self, state: dict[str, State]) -> None:
        """Go on with them."""
        self._event = None if state["event"] is None else VadEvent(*state["event"])
        self._last = state["held"]
        if self._last is not None:
            self._held.add(self._last.samples)
        self._position_ms, self._pre_roll = state["position_ms"], state["pre_roll"]
        self._is_open, self._is_continued = state["is_open"], state["is_continued"]

    def cleanup(self) -> None:
        """Release the audio that is held."""
        self._held = HeldFrames()
        self._last = None

    def _utterances(self, item: Audio) -> Iterator[Audio | None]:
        if self._last is not None and AudioFormat.of(item) != AudioFormat.of(self._last):
            yield from self._close()
            self._held.clear()
        self._last = item
        # Audio before the first event is silence.
        event = self._event or VadEvent(has_speech=False)
        yield from self._add(item, event)
        if self._event is not None:
            # A start or an end is that of the first chunk after the event.
            self._event = VadEvent(event.has_speech)

    def _add(self, item: Audio, event: VadEvent) -> Iterator[Audio | None]:
        if event.is_speech and not self._is_open:
            self._held.keep_last(_frames(_PRE_ROLL_MS, item))
            self._is_open, self._is_continued = True, False
            self._pre_roll = len(self._held)
        self._held.add(item.samples)
        self._position_ms += item.frames * 1000 / item.sample_rate
        if not self._is_open:
            self._held.keep_last(_frames(_PRE_ROLL_MS, item))
            return
        longest = max(_frames(self.params.max_utterance_duration_ms, item), 1)
        while len(self._held) >= longest:
            yield (yield from self._take(longest))
            self._is_continued, self._pre_roll = True, 0
        if event.is_end or not event.is_speech:
            yield from self._close()

    def _close(self) -> Iterator[Audio | None]:
        """End the open utterance, if there is one."""
        if not self._is_open or self._last is None:
            return
        self._is_open = False
        shortest = _frames(self.params.min_utterance_duration_ms, self._last)
        is_long_enough = self._is_continued or len(self._held) - self._pre_roll >= shortest
        # A dropped one stays held, since it may be the pre-roll of the next one.
        if is_long_enough and len(self._held):
            yield (yield from self._take(len(self._held)))

    def _take(self, frames: int) -> Steps[Audio]:
        """Return the first `frames` frames that are held as an item, and remove them."""
        assert self._last is not None
        last, rate = self._last, self._last.sample_rate
        start_ms = self._position_ms - len(self._held) * 1000 / rate
        samples = self.context.loan((frames, last.channels), last.samples.dtype)
        begin = 0
        slice_frames = max(SLICE_SAMPLES // last.channels, 1)
        for start in range(0, frames, slice_frames):
            if start:
                yield PAUSE
            for part in self._held.take(min(slice_frames, frames - start)):
                samples[begin : begin + len(part)] = part
                begin += len(part)
        return replace(last, samples=samples).with_metadata(
            start_ms=str(round(start_ms)), end_ms=str(round(start_ms + frames * 1000 / rate))
        )


def _frames(milliseconds: int, item: Audio) -> int:
    return milliseconds * item.sample_rate // 1000
