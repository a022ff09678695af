"""What may enter a session."""

from actors import Audio, Data

from ..config import ResourceLimits
from ..errors import InputError, LimitError

_MOST = 2**64 - 1


class Intake:
    """Checks each chunk before it enters, and counts what is limited."""

    def __init__(self, limits: ResourceLimits) -> None:
        self._limits = limits
        self._audio_samples = 0

    def admit(self, data: Data, *, sequence: int, timestamp_ms: int) -> Data:
        """Return what enters for a chunk.

        Raises:
            InputError: not a data item, or a number out of range.
            LimitError: it has more audio samples than the session may still take. It takes none of
                them, and goes on.
        """
        if not isinstance(data, Data):
            raise InputError(f"a chunk must be an item of `actors`, got {type(data).__name__}")
        for name, number in (("sequence", sequence), ("timestamp_ms", timestamp_ms)):
            if not 0 <= number <= _MOST:
                raise InputError(f"{name} must be from 0 to 2**64 - 1, got {number}")
        if isinstance(data, Audio):
            self._count_samples(data)
        return data

    def _count_samples(self, data: Audio) -> None:
        most = self._limits.max_audio_samples
        samples = self._audio_samples + data.samples.size
        if most and samples > most:
            raise LimitError(
                f"the session may take {most} audio samples (resource_limits.max_audio_samples), "
                f"of all channels together; with this chunk it would be {samples}"
            )
        self._audio_samples = samples
