"""Audio from the default microphone."""

from collections.abc import AsyncGenerator
from typing import Final

import numpy as np
import trio

from actors import Audio

from ...errors import InputError

_SAMPLE_RATE_HZ: Final = 16000
_CHUNK_FRAMES: Final = 320
_FORMAT: Final = {"samplerate": _SAMPLE_RATE_HZ, "channels": 1, "dtype": "int16"}


def check_microphone() -> None:
    """Check that audio can be recorded.

    Raises:
        InputError: sounddevice or PortAudio is not installed, or there is no microphone.
    """
    try:
        import sounddevice
    except (ImportError, OSError) as error:  # OSError: the system has no PortAudio
        raise InputError(
            f"the microphone needs sounddevice and PortAudio ({error}); "
            'pip install "millrace-runtime[microphone]", or give --input FILE'
        ) from error
    try:
        sounddevice.check_input_settings(**_FORMAT)
    except (sounddevice.PortAudioError, ValueError) as error:
        raise _not_available(error) from error


async def record(seconds: float) -> AsyncGenerator[Audio, None]:
    """Yield audio of the default microphone, mono at 16 kHz, in chunks of 20 ms.

    Raises:
        InputError: as `check_microphone`, or the microphone was removed.
    """
    check_microphone()
    import sounddevice

    try:
        stream = sounddevice.RawInputStream(blocksize=_CHUNK_FRAMES, **_FORMAT)
    except sounddevice.PortAudioError as error:
        raise _not_available(error) from error
    try:
        stream.start()
        for _ in range(round(seconds * _SAMPLE_RATE_HZ / _CHUNK_FRAMES)):
            data, _ = await trio.to_thread.run_sync(stream.read, _CHUNK_FRAMES)
            yield Audio(np.frombuffer(bytes(data), np.int16), _SAMPLE_RATE_HZ)
    except sounddevice.PortAudioError as error:
        raise _not_available(error) from error
    finally:
        stream.close()


def _not_available(error: Exception) -> InputError:
    return InputError(f"the microphone cannot be used ({error}); give --input FILE")
