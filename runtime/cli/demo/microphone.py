"""The microphone, where there is one."""

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
    """Make sure that there is a microphone, and what it takes to hear it.

    Raises:
        InputError: the extra `microphone` is not installed, or there is no microphone.
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
        raise InputError(f"no microphone can be opened ({error}); give --input FILE") from error


async def listen(seconds: float) -> AsyncGenerator[Audio, None]:
    """Yield what the default microphone hears, in chunks of 20 ms.

    Raises:
        InputError: as `check_microphone`.
    """
    check_microphone()
    import sounddevice

    try:
        stream = sounddevice.RawInputStream(blocksize=_CHUNK_FRAMES, **_FORMAT)
    except sounddevice.PortAudioError as error:
        raise InputError(f"no microphone can be opened ({error}); give --input FILE") from error
    try:
        stream.start()
        for _ in range(round(seconds * _SAMPLE_RATE_HZ / _CHUNK_FRAMES)):
            data, _ = await trio.to_thread.run_sync(stream.read, _CHUNK_FRAMES)
            yield Audio(np.frombuffer(bytes(data), np.int16), _SAMPLE_RATE_HZ)
    finally:
        stream.close()
