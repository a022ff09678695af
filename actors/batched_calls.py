"""Calls of `process_batch`, and the check of what it returns."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from .errors import DataError

ProcessBatch = Callable[[Sequence[tuple[Any, Any]]], Any]


def process_alone(actor: str, process_batch: ProcessBatch, state: Any, item: Any) -> Any:
    """Process the item of one session; return its outputs, or an awaitable of them.

    Args:
        actor: the name of its class.
        process_batch: of the actor.
        state: of the session.
        item: of the session.

    Raises:
        Exception: what `process_batch` raised, or returned in place of the outputs.
    """
    returned = process_batch([(state, item)])
    if isinstance(returned, Awaitable):
        return _awaited(actor, returned)
    return _sole(actor, returned)


def entries_of(actor: str, returned: object, count: int) -> Sequence[Any]:
    """Return what a `process_batch` returned, as one entry for each of `count` sessions.

    Args:
        actor: the name of its class.
        returned: what it returned.
        count: of entries that it got.

    Raises:
        DataError: it is no list of that length.
    """
    if isinstance(returned, Sequence) and not isinstance(returned, str | bytes):
        if len(returned) == count:
            return returned
        got = f"{len(returned)}"
    else:
        got = f"a {type(returned).__name__}"
    raise DataError(
        f"{actor}.process_batch() got {count} entries and returned {got}; return a list with one "
        "entry for each"
    )


async def _awaited(actor: str, returned: Awaitable[Any]) -> Any:
    return _sole(actor, await returned)


def _sole(actor: str, returned: object) -> Any:
    (entry,) = entries_of(actor, returned, 1)
    if isinstance(entry, BaseException):
        raise entry
    return entry
