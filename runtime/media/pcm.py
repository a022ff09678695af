"""Samples in memory: PCM formats, 16-bit samples for files, and the size of a chunk."""

from typing import Final

import numpy as np

from actors import Array, Audio

from .errors import MediaError

MOST_CHANNELS: Final = 255
"""The most channels of a file that is read here; the WAV header has room for 65,535."""

HIGHEST_RATE_HZ: Final = 10_000_000
"""The highest sample rate of a file that is read here."""

# No item of a pipeline is longer: more does not fit into a message of the wire contract.
_LONGEST_CHUNK_BYTES: Final = 64 * 1024 * 1024


def as_int16(audio: Audio) -> Array:
    """Return the samples as int16, shape (frames, channels), clipped at full scale.

    Integers keep their value (32 bits are rounded). NaN becomes 0, infinity full scale.
    """
    samples = audio.samples
    if samples.dtype == np.int16:
        return np.ascontiguousarray(samples)
    if samples.dtype == np.int32:
        # Rounded, not cut off, or every sample would move down by half a step.
        rounded: Array = (samples.astype(np.int64) + 0x8000) >> 16
        return np.minimum(rounded, 32767).astype(np.int16)
    scaled: Array = np.nan_to_num(samples, nan=0.0, posinf=1.0, neginf=-1.0) * np.float32(32768.0)
    clipped: Array = np.clip(np.rint(scaled), -32768, 32767)
    return clipped.astype(np.int16)


def check_format(sample_rate: int, channels: int, name: str) -> None:
    """Check the format that the header of a file or an option gives.

    Raises:
        MediaError: no channel or no sample rate, or more than any audio has.
    """
    if not 1 <= channels <= MOST_CHANNELS or not 1 <= sample_rate <= HIGHEST_RATE_HZ:
        raise MediaError(
            f"{name}: claims {channels} channels at {sample_rate} Hz, so its header is damaged; "
            f"1 to {MOST_CHANNELS} channels at 1 to {HIGHEST_RATE_HZ} Hz can be read"
        )


def frames_per_chunk(sample_rate: int, frame_bytes: int, chunk_seconds: float, name: str) -> int:
    """Return the number of frames in a chunk of that duration, at least 1.

    Args:
        sample_rate: in Hz.
        frame_bytes: size of one sample of all channels.
        chunk_seconds: duration of a chunk.
        name: the file, for the message.

    Raises:
        MediaError: the chunk would be longer than an item may be.
    """
    frames = max(round(sample_rate * chunk_seconds), 1)
    if frames * frame_bytes > _LONGEST_CHUNK_BYTES:
        most_ms = _LONGEST_CHUNK_BYTES * 1000 // (frame_bytes * sample_rate)
        raise MediaError(
            f"{name}: a chunk of {chunk_seconds:g} s would have {frames * frame_bytes} bytes, and "
            f"{_LONGEST_CHUNK_BYTES} is the most; use --chunk-ms {max(most_ms, 1)} or less"
        )
    return frames


def decode_pcm(data: bytes, encoding: str) -> Array:
    """Return the samples of PCM data as int16, int32 or float32, shape (samples,).

    16 bits and fewer become int16, 24 and 32 bits int32, floats float32.

    Args:
        data: whole samples.
        encoding: one of PCM_BYTES.
    """
    order = ">" if encoding.endswith("be") else "<"
    match encoding.removesuffix("le").removesuffix("be"):
        case "u8":
            return (np.frombuffer(data, np.uint8).astype(np.int16) - 128) << 8
        case "s24":
            # The three bytes become the upper ones of four, so that full scale stays full scale.
            wide = np.zeros((len(data) // 3, 4), np.uint8)
            three = slice(1, 4) if order == "<" else slice(0, 3)
            wide[:, three] = np.frombuffer(data, np.uint8).reshape(-1, 3)
            return wide.reshape(-1).view(order + "i4").astype(np.int32, copy=False)
        case "f32" | "f64" as floats:
            stored = np.frombuffer(data, f"{order}f{int(floats[1:]) // 8}")
            with np.errstate(over="ignore"):  # a double beyond float32 becomes infinity
                return stored.astype(np.float32, copy=False)
        case integers:
            size = int(integers[1:]) // 8
            return np.frombuffer(data, f"{order}i{size}").astype(f"i{size}", copy=False)


PCM_BYTES: Final = {
    "u8": 1,
    **dict.fromkeys(("s16le", "s16be"), 2),
    **dict.fromkeys(("s24le", "s24be"), 3),
    **dict.fromkeys(("s32le", "s32be", "f32le", "f32be"), 4),
    **dict.fromkeys(("f64le", "f64be"), 8),
}
"""The encodings of samples, as FFmpeg names them, with the bytes of one sample."""
