"""Audio without a header: its format as an option gives it."""

from dataclasses import dataclass
from typing import Self

from .errors import MediaError
from .pcm import HIGHEST_RATE_HZ, MOST_CHANNELS, PCM_BYTES


@dataclass(frozen=True, slots=True)
class RawFormat:
    """The format of PCM samples without a header.

    >>> RawFormat.parse("s16le:16000:2")
    RawFormat(encoding='s16le', sample_rate=16000, channels=2)

    Attributes:
        encoding: of a sample, as FFmpeg names it: "u8", "s16le", "s24be", "f32le" and so on.
        sample_rate: in Hz.
    """

    encoding: str
    sample_rate: int
    channels: int = 1

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ENCODING:RATE or ENCODING:RATE:CHANNELS.

        Raises:
            MediaError: it has another form, or numbers that no audio has.
        """
        encoding, *numbers = text.lower().split(":")
        if (
            encoding not in PCM_BYTES
            or not 1 <= len(numbers) <= 2
            or not all(each.isascii() and each.isdecimal() for each in numbers)
            or any(len(each) > 8 for each in numbers)
        ):
            raise MediaError(
                f"{text}: is no format of raw audio; expected ENCODING:RATE:CHANNELS, such as "
                f"s16le:16000:1; encodings: {', '.join(PCM_BYTES)}"
            )
        rate, channels = int(numbers[0]), int(numbers[1]) if len(numbers) == 2 else 1
        if not 1 <= rate <= HIGHEST_RATE_HZ or not 1 <= channels <= MOST_CHANNELS:
            raise MediaError(
                f"{text}: raw audio has 1 to {MOST_CHANNELS} channels at 1 to {HIGHEST_RATE_HZ} Hz"
            )
        return cls(encoding, rate, channels)
