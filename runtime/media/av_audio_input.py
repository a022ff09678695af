"""Audio in the formats that PyAV reads."""

import io
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from actors import Array, Audio

from .av_library import av_errors, load_av
from .av_packets import decoded_frames, open_container, start_of
from .errors import MediaError
from .pcm import check_format, frames_per_chunk

# The packed sample format that keeps a decoder's format best among the dtypes of `Audio`.
_PACKED: Final = {
    **dict.fromkeys(("u8", "u8p", "s16", "s16p"), "s16"),
    **dict.fromkeys(("s32", "s32p"), "s32"),
}
_ANYTHING_ELSE: Final = "flt"

# What is missing in a network stream is at least one packet, of 20 ms or more.
_CLOCK_JUMP_SECONDS: Final = 0.1


def read_av_audio(file: io.BufferedReader, name: str, chunk_seconds: float) -> Iterator[Audio]:
    """Yield the first audio stream in chunks of equal length; the last one is shorter.

    Integer samples stay integers (int16 or int32), all others become float32. Where the sample rate
    or the number of channels changes within the stream, the chunk before ends there. Sound that
    begins later than the film does begins with silence, so that both stay in sync.

    Raises:
        MediaError: the file has no audio, or none of it can be decoded.
        MissingExtraError: PyAV is not installed.
    """
    av = load_av(name)
    with open_container(av, file, name) as container:
        chunks = AudioChunks(av, name, chunk_seconds)
        is_first = True
        for frame in decoded_frames(av, container, [audio_stream(container, name)], name):
            if is_first and frame.time is not None:
                chunks.delay(float(frame.time) - start_of(container, float(frame.time)))
            is_first = False
            yield from chunks.add(frame)
        yield from chunks.finish()


def audio_stream(container: Any, name: str) -> Any:
    """Return the first audio stream.

    Raises:
        MediaError: there is none.
    """
    if not container.streams.audio:
        hint = "; --input-kind video reads its pictures" if container.streams.video else ""
        raise MediaError(f"{name}: has no sound{hint}")
    return container.streams.audio[0]


class AudioChunks:
    """Cuts decoded audio frames into chunks of equal length.

    Attributes:
        start_seconds: where the chunk that is yielded starts, in the time of the file.
    """

    def __init__(self, av: Any, name: str, chunk_seconds: float) -> None:
        self.start_seconds = 0.0
        self._av = av
        self._name = name
        self._chunk_seconds = chunk_seconds
        self._resampler: Any = None
        self._format: tuple[str, str, int] | None = None
        self._delay_seconds = 0.0
        self._held: list[Array] = []
        self._count = self._rate = self._wanted = 0

    def delay(self, seconds: float) -> None:
        """Let silence come before the first frame, unless it is too short to be heard."""
        self._delay_seconds = seconds if seconds > _CLOCK_JUMP_SECONDS else 0.0

    def add(self, frame: Any) -> Iterator[Audio]:
        """Yield the chunks that a frame completes."""
        self._note_time(frame.time)
        for samples, sample_rate in self._converted(frame):
            if self._delay_seconds:
                silent = round(self._delay_seconds * sample_rate)
                self._delay_seconds = 0.0
                silence = np.zeros((silent, samples.shape[1]), samples.dtype)
                yield from self._cut(silence, sample_rate)
            yield from self._cut(samples, sample_rate)

    def finish(self) -> Iterator[Audio]:
        """Yield the rest."""
        if self._count:
            yield Audio(np.concatenate(self._held), self._rate)
        self._held, self._count = [], 0

    def _note_time(self, time: float | None) -> None:
        """Set where the held samples start, if the time of the next frame is not what it must be.

        Times of frames are rounded, and those of network streams vary: samples count, except where
        some are missing.
        """
        if time is None:
            return
        held_seconds = self._count / self._rate if self._rate else 0.0
        start = float(time) - held_seconds
        if self._format is None or abs(start - self.start_seconds) > _CLOCK_JUMP_SECONDS:
            self.start_seconds = start

    def _converted(self, frame: Any) -> list[tuple[Array, int]]:
        """Return decoded samples of shape (frames, channels), each with the sample rate."""
        with av_errors(self._av, self._name, "decoded"):
            found = (frame.format.name, frame.layout.name, frame.sample_rate)
            if found != self._format:
                check_format(frame.sample_rate, frame.layout.nb_channels, self._name)
                # Only the sample format changes here, so a resampler that is replaced holds no
                # samples. Rate and channels are for the nodes to change.
                self._resampler = self._av.AudioResampler(
                    format=_PACKED.get(frame.format.name, _ANYTHING_ELSE),
                    layout=frame.layout,
                    rate=frame.sample_rate,
                )
                self._format = found
            return [
                (each.to_ndarray().reshape(-1, each.layout.nb_channels), each.sample_rate)
                for each in self._resampler.resample(frame)
            ]

    def _cut(self, samples: Array, sample_rate: int) -> Iterator[Audio]:
        held = self._held
        if held and (
            sample_rate != self._rate
            or samples.shape[1] != held[0].shape[1]
            or samples.dtype != held[0].dtype
        ):
            yield from self._moving(self.finish())
        if not self._held:
            self._rate = sample_rate
            frame_bytes = samples.shape[1] * samples.itemsize
            self._wanted = frames_per_chunk(
                sample_rate, frame_bytes, self._chunk_seconds, self._name
            )
        self._held.append(samples)
        self._count += len(samples)
        if self._count < self._wanted:
            return
        joined = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        whole = self._count - self._count % self._wanted
        self._held, self._count = [joined[whole:]], self._count - whole
        yield from self._moving(
            Audio(joined[start : start + self._wanted], sample_rate)
            for start in range(0, whole, self._wanted)
        )

    def _moving(self, chunks: Iterator[Audio]) -> Iterator[Audio]:
        """Yield chunks, and move the start of the next one behind each."""
        for chunk in chunks:
            yield chunk
            self.start_seconds += chunk.duration_seconds
