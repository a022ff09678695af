"""The border to espeak-ng: the part of its C interface that speaking needs, by ctypes."""

import ctypes
import difflib
import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import numpy as np

from ..data import Array

SAMPLE_RATE_HZ: Final = 22050
"""The sample rate of every voice that is not an MBROLA voice, of which the package has none."""

_CHUNK_MS: Final = 150

# From speak_lib.h.
_SYNCHRONOUS: Final = 2
_DONT_EXIT: Final = 0x8000
_UTF8: Final = 1
_POSITION_CHARACTER: Final = 1
_RATE: Final = 1
_PITCH: Final = 3

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    """espeak_VOICE: the properties by which a voice is selected."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_char_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("xx1", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class Speech:
    """Settings: a voice such as "en-us+f3", words per minute, pitch from 0 to 100."""

    voice: str
    rate_wpm: int
    pitch: int


class EspeakLibrary:
    """espeak-ng. A process has one copy, which keeps its voice and its output in globals.

    Every call sets its voice and holds a lock, so that two nodes of one process do not speak with
    each other's voice.
    """

    def __init__(self, library_path: str, data_path: str) -> None:
        """Load and start the library; use `load` instead."""
        self._lock = threading.Lock()
        self._data = Path(data_path)
        self._chunks: list[Array] = []
        self._library = _open(library_path)
        rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, _CHUNK_MS, data_path.encode(), _DONT_EXIT
        )
        if rate != SAMPLE_RATE_HZ:
            raise RuntimeError(
                f"espeak-ng cannot start with its data in {data_path}: it returned {rate} and not "
                f"the sample rate {SAMPLE_RATE_HZ}"
            )
        # Kept as an attribute, since ctypes does not keep a callback alive that C points to.
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)

    @classmethod
    @functools.cache  # the library itself is a global of the process
    def load(cls, library_path: str, data_path: str) -> Self:
        """Return the process's library; load it at the first call.

        Raises:
            OSError: the library cannot be loaded.
            RuntimeError: it does not start.
        """
        return cls(library_path, data_path)

    def check(self, speech: Speech) -> None:
        """Raise ValueError unless the voice exists."""
        with self._lock:
            self._set_voice(speech.voice)

    def speak(self, text: str, speech: Speech) -> list[Array]:
        """Return the speech in chunks of int16 samples.

        Raises:
            ValueError: there is no such voice.
            RuntimeError: the library reports an error.
        """
        # C text ends at the first NUL.
        encoded = text.replace("\0", " ").encode()
        with self._lock:
            self._set_voice(speech.voice)
            self._library.espeak_SetParameter(_RATE, speech.rate_wpm, 0)
            self._library.espeak_SetParameter(_PITCH, speech.pitch, 0)
            self._chunks = []
            status = self._library.espeak_Synth(
                encoded, len(encoded) + 1, 0, _POSITION_CHARACTER, 0, _UTF8, None, None
            )
            chunks, self._chunks = self._chunks, []
        if status != 0:
            raise RuntimeError(f"espeak-ng cannot speak this text: it returned {status}")
        return chunks

    def _take(self, samples: Any, count: int, _events: object) -> int:
        # The library reuses its buffer, so this copy is needed. A NULL pointer marks the end.
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def _set_voice(self, voice: str) -> None:
        self._check_variant(voice)
        if self._library.espeak_SetVoiceByName(voice.encode()) == 0:
            return
        # By name first ("en-us", "gmw/en-US"), then by language ("en-gb", "fr-fr").
        language, plus, variant = voice.partition("+")
        found = self._voice_of_language(language)
        if found is None:
            near = _near(language, self._data / "lang")
            raise ValueError(f"espeak-ng has no voice {voice!r}{near}")
        if plus:
            self._library.espeak_SetVoiceByName(found + b"+" + variant.encode())

    def _voice_of_language(self, language: str) -> bytes | None:
        """Set the voice whose first language this is, and return its identifier."""
        wanted = _Voice(languages=language.encode())
        if self._library.espeak_SetVoiceByProperties(ctypes.byref(wanted)) != 0:
            return None
        # The library chooses a voice that is near: English where "en-usa" is given.
        voice = self._library.espeak_GetCurrentVoice().contents
        languages: bytes = voice.languages  # a byte of priority, then the name
        identifier: bytes = voice.identifier
        return identifier if languages[1:] == language.lower().encode() else None

    def _check_variant(self, voice: str) -> None:
        # The library itself ignores an unknown variant.
        variant = voice.partition("+")[2]
        variants = self._data / "voices" / "!v"
        if "+" in voice and not (variants / variant).is_file():
            raise ValueError(
                f"espeak-ng has no voice variant {variant!r}, as in {voice!r}"
                f"{_near(variant, variants)}"
            )


def _near(name: str, folder: Path) -> str:
    known = {path.name.lower(): path.name for path in folder.rglob("*") if path.is_file()}
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(known[found] for found in near)}?" if near else ""


def _open(path: str) -> ctypes.CDLL:
    library = ctypes.CDLL(path)
    library.espeak_Initialize.argtypes = (
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_char_p,
        ctypes.c_int,
    )
    library.espeak_SetSynthCallback.argtypes = (_Callback,)
    library.espeak_SetSynthCallback.restype = None
    library.espeak_SetVoiceByName.argtypes = (ctypes.c_char_p,)
    library.espeak_SetVoiceByProperties.argtypes = (ctypes.POINTER(_Voice),)
    library.espeak_GetCurrentVoice.restype = ctypes.POINTER(_Voice)
    library.espeak_SetParameter.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int)
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    return library
