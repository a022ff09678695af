"""Checks of how an actor processes items: normal, empty, unusual and huge ones."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import aclosing
from dataclasses import fields
from typing import Any, Final

import numpy as np
import trio

from actors import Data, DataError, Timestamped

from ...errors import HookError, NodeError
from .samples import huge_items, odd_items
from .subject import (
    SOURCE_SECONDS,
    AnyActor,
    Subject,
    call,
    items_of_source,
    outputs_of,
    processed,
    raised,
)

# A huge item may take long; an actor that has not failed by then passes.
_HUGE_SECONDS: Final = 3.0
_MOST_GENERATED: Final = 20
_READ_ONLY: Final = ("read-only", "cannot set WRITEABLE", "cannot assign to field")


async def check_samples(subject: Subject) -> list[str]:
    """Check that the actor processes the samples, and emits the kinds that it declares."""
    try:
        await subject.run(subject.fresh_samples())
    except HookError as error:
        if any(words in error.detail for words in _READ_ONLY):
            return [f"{error.hook}() writes into an item ({raised(error)}): write to a .copy()"]
        if error.exception_type == DataError.__name__:
            return [f"it refuses the samples ({error.detail}): pass some that it works on"]
        return [f"{error.hook}() raised {raised(error)}\n{error.stack_trace}"]
    except NodeError as error:
        return [error.message]
    return []


async def check_inputs(subject: Subject) -> list[str]:
    """Check that the actor does not change its inputs, not even through their base arrays."""
    items = subject.fresh_samples()
    before = [_content(item) for item in items]
    await subject.run(items)
    return [
        f"it changed a {item.kind.value} item that came in; others read it too: write to a copy"
        for item, content in zip(items, before, strict=True)
        if _content(item) != content
    ][:1]


async def check_outputs(subject: Subject) -> list[str]:
    """Check that the actor does not change an output after it has sent it."""
    sent: list[tuple[Data, object]] = []

    def note(item: Data) -> None:
        sent.append((item, _content(item)))

    async with subject.started() as actor:
        if actor.is_source:
            await _note_generated(actor, note)
        for item in subject.fresh_samples() * 2:
            await processed(actor, item, note)
        await outputs_of(await call(actor.flush), note)
    return [
        f"it changed a {item.kind.value} item after it had sent it: it reuses one array for "
        "several outputs; make a new one for each output, or take context.loan()"
        for item, content in sent
        if _content(item) != content
    ][:1]


async def check_odd_items(subject: Subject) -> list[str]:
    """Check that the actor processes unusual items, or refuses them with a reason."""
    return await _robust(subject, odd_items(subject.actor_type.accepts))


async def check_huge_items(subject: Subject) -> list[str]:
    """Check that the actor does not break on huge items."""
    return await _robust(subject, huge_items(subject.samples))


async def _note_generated(actor: AnyActor, note: Callable[[Data], None]) -> None:
    """Note what a source generates in a short time."""
    left = _MOST_GENERATED
    with trio.move_on_after(SOURCE_SECONDS):
        async with aclosing(items_of_source(actor)) as items:
            async for item in items:
                note(item.data if isinstance(item, Timestamped) else item)
                left -= 1
                if not left:
                    return


async def _robust(subject: Subject, items: Iterable[tuple[str, Data]]) -> list[str]:
    rest = deque(items)
    violations: list[str] = []
    while rest:
        async with subject.started() as actor:
            message = None
            while rest and message is None:
                what, item = rest.popleft()
                message = await _try_item(actor, what, item)
            # An actor that has failed is never used again.
            violations += [message] if message else []
    return violations


async def _try_item(actor: AnyActor, what: str, item: Data) -> str | None:
    """Process an item, and return the violation, if any.

    Returns:
        None if there is none; "" if the item was refused or took too long, so that the actor must
        not be used again.
    """
    try:
        with trio.move_on_after(_HUGE_SECONDS) as limit:
            await processed(actor, item)
            await outputs_of(await call(actor.flush))
    except DataError as error:
        return "" if str(error) else f"it refuses {what} without a reason"
    except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
        return (
            f"it breaks on {what} with {raised(error)}; process it, or raise DataError with the "
            "reason"
        )
    return "" if limit.cancelled_caught else None


def _content(item: Data) -> object:
    """Return a copy of all fields of an item."""
    return [_copied(getattr(item, part.name)) for part in fields(item)]


def _copied(value: Any) -> object:
    if isinstance(value, np.ndarray):
        return value.dtype.str, value.shape, value.tobytes()
    if hasattr(value, "items"):
        return dict(value)
    return value
