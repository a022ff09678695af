"""Errors of the libraries that run models, in our words."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from ..errors import DataError

_MOST_CHARACTERS: Final = 300
_OF_THE_MACHINE: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC})


class ModelError(RuntimeError):
    """A model, or the library that runs it, cannot be used; the message has the reason."""


@contextmanager
def library_errors(library: str, what: str, *, of_item: bool = False) -> Iterator[None]:
    """Translate the errors of a library.

    Errors of the machine stay (no memory, no disk space, too many open files): the runtime reports
    those itself.

    Args:
        library: its name.
        what: what failed, and what to do about it, for the message.
        of_item: whether the error is one of an item, and not of the model: raise DataError then.

    Raises:
        ModelError: the library raised.
        DataError: it raised, and `of_item` is set.
    """
    try:
        yield
    except (MemoryError, DataError, ModelError):
        raise
    except Exception as error:
        # Libraries that wrap C++ raise classes of their own, so there is no narrower one to catch.
        if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
            raise
        text = " ".join(str(error).split())
        if len(text) > _MOST_CHARACTERS:
            text = text[:_MOST_CHARACTERS] + "..."
        reason = f"{what} ({library}: {text or type(error).__name__})"
        raise (DataError(reason) if of_item else ModelError(reason)) from error
