"""RNNoiseNode."""

import ctypes
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from ..actor import Actor
from ..data import Array, Audio
from ..errors import DataError
from ..kinds import Kind
from ..params import NoParams
from ._audio_format import AudioFormat
from ._extras import find_package
from ._levels import finite_or_silent
from ._library_errors import library_errors
from ._sample_rate import check_sample_rate

_SAMPLE_RATE_HZ: Final = 48_000
_FRAME: Final = 480
# The output lags by two frames: measured as the shift with the highest correlation, 2026-11-27.
_LAG: Final = 2 * _FRAME
# A second takes about 0.1 s. A longer chunk is worked on in pieces, so that it can be cancelled.
_PIECE: Final = 100 * _FRAME
_FULL_SCALE: Final = 32768.0
_MOST_CHANNELS: Final = 32
_POINTER: Final = ctypes.POINTER(ctypes.c_float)


class RNNoiseNode(Actor[NoParams]):
    """Remove noise from speech, with RNNoise.

    In: audio at 48 kHz, each channel on its own. Out: the same audio without the noise, float32 at
    48 kHz and as long as the input, in chunks of whole 10 ms frames, without a delay in the stream.
    Metadata is that of the newest chunk, and beside it

        speech_probability   of the chunk, 0 to 1, the highest of its frames and channels

    A chunk comes out up to 30 ms late: the library works on frames of 10 ms, and looks ahead two of
    them. Samples that are NaN or infinite
    are silence. A change of the number of channels ends the audio before it.

    The model is part of the library, which comes with the package `pyrnnoise`; nothing is
    downloaded.
    """

    accepts = frozenset({Kind.AUDIO})
    produces = frozenset({Kind.AUDIO})
    runs_in_thread = True

    _states: Sequence[int] = ()

    def initialize(self) -> None:
        """Load the library.

        Raises:
            ImportError: pyrnnoise is not installed.
            ModelError: the library cannot be loaded.
        """
        # The library alone: the Python module around it imports matplotlib.
        folder = find_package("pyrnnoise", extra="rnnoise", node_type="RNNoiseNode")
        self.context.progress(0.1, "loading RNNoise")
        with library_errors("RNNoise", "the library cannot be loaded"):
            self._library = _declared(ctypes.CDLL(str(folder / "librnnoise.so")))
        self._last: Audio | None = None
        self._held: Array = np.zeros((0, 1), np.float32)
        self._waiting = 0  # frames of the input that have no output yet
        self._lag = _LAG

    def process(self, item: Audio) -> Iterator[Audio]:
        """Yield the frames that a chunk completes.

        Raises:
            DataError: audio at another sample rate, or with more than 32 channels.
        """
        check_sample_rate(item, _SAMPLE_RATE_HZ)
        if item.channels > _MOST_CHANNELS:
            raise DataError(f"the audio has {item.channels} channels; at most {_MOST_CHANNELS}")
        if self._last is None or AudioFormat.of(item).channels != self._last.channels:
            yield from self.flush()
            self._open(item.channels)
        self._last = item
        self._held = np.concatenate((self._held, finite_or_silent(item.as_float())))
        self._waiting += item.frames
        yield from self._denoise()

    def flush(self) -> Iterator[Audio]:
        """Yield the rest, which the library still holds or which is no whole frame."""
        if self._last is None or not self._waiting:
            return
        # What fills the last frame, and the frames that push it out.
        missing = -len(self._held) % _FRAME + _LAG
        padding = np.zeros((missing, self._last.channels), np.float32)
        self._held = np.concatenate((self._held, padding))
        yield from self._denoise()
        self._clear()

    def cleanup(self) -> None:
        """Release the library's states."""
        for state in self._states:
            self._library.rnnoise_destroy(state)
        self._states = ()
        self._last = None

    def _clear(self) -> None:
        self._held = np.zeros((0, max(len(self._states), 1)), np.float32)
        self._waiting = 0
        self._lag = _LAG

    def _open(self, channels: int) -> None:
        self.cleanup()
        self._states = [self._library.rnnoise_create(None) for _ in range(channels)]
        self._clear()

    def _denoise(self) -> Iterator[Audio]:
        """Yield the whole frames of what is held, in pieces, less what the library lags."""
        assert self._last is not None
        while len(self._held) >= _FRAME:
            whole = min(len(self._held) - len(self._held) % _FRAME, _PIECE)
            taken, self._held = self._held[:whole] * _FULL_SCALE, self._held[whole:]
            cleaned, probability = self._cleaned(taken)
            skipped = min(self._lag, whole)
            self._lag -= skipped
            cleaned = cleaned[skipped:][: self._waiting]
            self._waiting -= len(cleaned)
            if len(cleaned):
                samples = self.context.loan(cleaned.shape, np.float32)
                np.divide(cleaned, _FULL_SCALE, out=samples)
                yield Audio(samples, _SAMPLE_RATE_HZ).with_metadata(
                    **{**self._last.metadata, "speech_probability": f"{probability:.3f}"}
                )

    def _cleaned(self, taken: Array) -> tuple[Array, float]:
        """Return whole frames without noise, and the highest probability of speech in them."""
        cleaned = np.empty_like(taken)
        probability = 0.0
        for channel, state in enumerate(self._states):
            samples = np.ascontiguousarray(taken[:, channel])
            for begin in range(0, len(samples), _FRAME):
                frame = samples[begin : begin + _FRAME].ctypes.data_as(_POINTER)
                chance = self._library.rnnoise_process_frame(state, frame, frame)
                probability = max(probability, float(chance))
            cleaned[:, channel] = samples
        return cleaned, min(probability, 1.0)


def _declared(library: ctypes.CDLL) -> Any:
    library.rnnoise_create.argtypes = [ctypes.c_void_p]
    library.rnnoise_create.restype = ctypes.c_void_p
    library.rnnoise_destroy.argtypes = [ctypes.c_void_p]
    library.rnnoise_destroy.restype = None
    library.rnnoise_process_frame.argtypes = [ctypes.c_void_p, _POINTER, _POINTER]
    library.rnnoise_process_frame.restype = ctypes.c_float
    return library
