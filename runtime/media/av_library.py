"""The border to PyAV: imports it when a file needs it, and translates its errors."""

import errno
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from .byte_output import ByteOutput
from .errors import CodecError, MissingExtraError

# FFmpeg's reasons by the name of PyAV's exception class, in words about the file.
_REASONS: Final = {
    "ArgumentError": "FFmpeg refuses its parameters, such as its size, sample rate or channels",
    "BufferTooSmallError": "a part of it is larger than FFmpeg's buffers",
    "DecoderNotFoundError": "PyAV has no decoder for its codec; convert it first",
    "DemuxerNotFoundError": "PyAV does not read this file format; convert it first",
    "EncoderNotFoundError": "PyAV has no encoder for this file format; choose another suffix",
    "EOFError": "it ends too early",
    "ExperimentalError": "its codec is experimental in FFmpeg; convert it first",
    "InvalidDataError": "its data is damaged, or is not of a format that FFmpeg knows",
    "MemoryError": "it needs more memory than is available",
    "MuxerNotFoundError": "PyAV does not write this file format; choose another suffix",
    "OSError": "the system reports an input or output error",
    "PatchWelcomeError": "it uses a feature that FFmpeg does not support; convert it first",
}


def load_av(name: str) -> Any:
    """Return the module `av`.

    Args:
        name: the file that needs it, for the message.

    Raises:
        MissingExtraError: PyAV is not installed, or cannot be loaded.
    """
    try:
        return importlib.import_module("av")
    except ImportError as error:
        detail = "" if isinstance(error, ModuleNotFoundError) else f" ({error})"
        raise MissingExtraError(
            f"{name}: needs PyAV, which cannot be imported{detail}: "
            'pip install "millrace-runtime[media]"'
        ) from error


class AvOutput:
    """A file as PyAV writes it: FFmpeg takes every write for complete, so every write is."""

    def __init__(self, file: ByteOutput) -> None:
        self.name = file.name
        self._file = file
        if file.seekable():
            # PyAV takes a file for one that can seek if it has these.
            self.seek = file.seek
            self.tell = file.tell

    def write(self, data: bytes) -> int:
        """Write all of the bytes."""
        self._file.write_all(data)
        return len(data)


@contextmanager
def av_errors(av: Any, name: str, action: str) -> Iterator[None]:
    """Translate PyAV's errors to CodecError.

    Args:
        av: the module.
        name: the file, for the message.
        action: what failed, such as "decoded", for the message.
    """
    try:
        yield
    except av.error.FFmpegError as error:
        raise CodecError(f"{name}: cannot be {action}: {_reason(error)}") from error
    except MemoryError as error:
        raise CodecError(f"{name}: cannot be {action}: {_REASONS['MemoryError']}") from error
    except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
        # PyAV checks some arguments itself, and raises what Python has.
        raise CodecError(
            f"{name}: cannot be {action}: PyAV does not support its format ({error})"
        ) from error


def _reason(error: Any) -> str:
    for kind in type(error).__mro__:
        if kind.__name__ in _REASONS:
            return f"{_REASONS[kind.__name__]} ({_ffmpeg_text(error)})"
    return _ffmpeg_text(error)


def _ffmpeg_text(error: Any) -> str:
    text = error.strerror or errno.errorcode.get(error.errno, str(error.errno))
    return f"FFmpeg: {text}"
