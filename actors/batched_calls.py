"""Calls of `process_batch`, and the check of what it returns."""

from collections.abc import Awaitable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import DataError

if TYPE_CHECKING:
    from .actor import Actor, Outputs

E = TypeVar("E")


def process_alone(actor: "Actor[Any]", state: Any, item: Any) -> "Outputs":
    """Process the item of one session; return its outputs, or an awaitable of them.

    Raises:
        Exception: what `process_batch` raised, or returned in place of the outputs.
    """
    returned = actor.process_batch([(state, item)])
    if isinstance(returned, Awaitable):
        return _awaited(actor, returned)
    outputs: Outputs = _sole(actor, returned)
    return outputs


def entries_of(actor: "Actor[Any]", returned: object, count: int) -> Sequence[Any]:
    """Return what a `process_batch` returned, as one entry for each of `count` sessions.

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
        f"{type(actor).__name__}.process_batch() got {count} entries and returned {got}; return a "
        "list with one entry for each"
    )


async def _awaited(actor: "Actor[Any]", returned: Awaitable[Any]) -> Any:
    return _sole(actor, await returned)


def _sole(actor: "Actor[Any]", returned: object) -> Any:
    (entry,) = entries_of(actor, returned, 1)
    if isinstance(entry, BaseException):
        raise entry
    return entry
