"""What is recognized of an utterance that goes on, with pocketsphinx."""

from typing import Final

import numpy as np

from ..data import Array
from ._library_errors import library_errors
from ._sphinx import SphinxDecoder, without_dither

# As in `with_noise_floor`: the noise is 56 dB below the peak, here of the utterance so far.
_PEAK_TO_NOISE: Final = 600


class PartialDecoder(SphinxDecoder):
    """Decodes an utterance while it comes, beside the decoder for whole utterances.

    Its words are less certain than those of the whole utterance. They are for showing, and for
    deciding early.
    """

    _is_open = False

    def begin(self) -> None:
        """Begin an utterance; one that is open is dropped."""
        self.end()
        with library_errors("pocketsphinx", "this audio cannot be recognized", of_item=True):
            self._decoder.start_utt()
        self._is_open = True
        self._noise = np.random.default_rng(0)
        self._peak = 0

    def add(self, samples: Array) -> None:
        """Process more audio of the utterance, mono int16.

        Raises:
            DataError: the library cannot process the audio.
        """
        if not len(samples):
            return
        self._peak = max(self._peak, int(np.abs(samples.astype(np.int32)).max()))
        prepared = without_dither(samples) if self._is_dictation else self._with_noise(samples)
        with library_errors("pocketsphinx", "this audio cannot be recognized", of_item=True):
            self._decoder.process_raw(prepared.astype("<i2").tobytes(), False, False)

    def text(self) -> str:
        """Return the words so far; empty if there are none."""
        found = self._decoder.hyp()
        return "" if found is None else " ".join(found.hypstr.split())

    def end(self) -> None:
        """End the utterance."""
        if self._is_open:
            self._is_open = False
            with library_errors("pocketsphinx", "this audio cannot be recognized", of_item=True):
                self._decoder.end_utt()

    def _with_noise(self, samples: Array) -> Array:
        noise = self._noise.standard_normal(len(samples), np.float32)
        noisy: Array = np.rint(samples + noise * (self._peak / _PEAK_TO_NOISE))
        return noisy.clip(-32768, 32767).astype(np.int16)
