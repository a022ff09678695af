"""The sample rate that a node needs."""

from ..data import Audio
from ..errors import DataError


def check_sample_rate(item: Audio, needed_hz: int) -> None:
    """Check the sample rate of a chunk.

    Raises:
        DataError: it is another one; the message has what to do.
    """
    if item.sample_rate != needed_hz:
        raise DataError(
            f"the audio has {item.sample_rate} Hz, but this node needs {needed_hz} Hz; "
            f"put a FastResampleNode with target_rate {needed_hz} before it"
        )
