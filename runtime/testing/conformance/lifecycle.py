"""Checks of the order of hooks, and of hooks that fail."""

import copy
import sys
from collections import deque
from collections.abc import Callable
from contextlib import aclosing
from typing import Any, Final

import trio

from actors import Actor, Data

from ...errors import HookError, NodeError
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

_MUTABLE: Final = (list, dict, set, deque, bytearray)


class _Injected(Exception):  # noqa: N818 (no user ever sees it)
    """The error that a check makes a hook raise."""


async def check_empty_stream(subject: Subject) -> list[str]:
    """Check a stream that ends without any item."""
    try:
        await subject.run([])
    except HookError as error:
        return [f"{error.hook}() raised {raised(error)} in a stream without items"]
    except NodeError as error:
        return [f"in a stream without items: {error.message}"]
    return []


async def check_flush_twice(subject: Subject) -> list[str]:
    """Check that a second flush does not return the same items again."""
    async with subject.started() as actor:
        for item in subject.fresh_samples():
            await processed(actor, item)
        first = await outputs_of(await call(actor.flush))
        try:
            second = await outputs_of(await call(actor.flush))
        except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
            return [f"a second flush() raised {raised(error)}"]
    if first and second == first:
        return ["a second flush() gave the same again: drop the items that a flush returns"]
    return []


async def check_failing_hooks(subject: Subject) -> list[str]:
    """Check that cleanup() works after any hook has failed, even if initialize() did."""
    violations = []
    work = "generate" if subject.actor_type.is_source else "process"
    for hook in ("initialize", work, "flush"):
        async with subject.opened(_failing(subject.actor_type, hook)) as actor:
            try:
                await _drive(actor, subject.fresh_samples())
            except _Injected:
                pass
            except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
                violations.append(f"it raised {raised(error)} before the {hook}() that was to fail")
            try:
                await call(actor.cleanup)
            except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
                violations.append(f"cleanup() raised {raised(error)} after a failed {hook}()")
    return violations


async def check_session_state(subject: Subject) -> list[str]:
    """Check that no state is in the class or its module, where sessions would share it."""
    places = _shared_places(subject.actor_type)
    await subject.run(subject.fresh_samples())  # a cache that the first use fills is no state
    before = {name: _snapshot(read()) for name, read in places.items()}
    await subject.run(subject.fresh_samples())
    return [
        f"{name} changed while a stream ran, and all sessions share it: keep state in self, set "
        "in initialize()"
        for name, read in places.items()
        if _snapshot(read()) != before[name]
    ]


async def _drive(actor: AnyActor, samples: list[Data]) -> None:
    await call(actor.initialize)
    if actor.is_source:
        with trio.move_on_after(SOURCE_SECONDS):
            async with aclosing(items_of_source(actor)) as items:
                async for _ in items:
                    break
    for item in samples:
        await processed(actor, item)
    await outputs_of(await call(actor.flush))


def _failing(actor_type: type[AnyActor], hook: str) -> type[AnyActor]:
    """Return a subclass whose `hook` fails; process fails after it has done its work."""

    def fail(self: AnyActor, *args: Any) -> None:
        if hook == "process":
            getattr(actor_type, hook)(self, *args)
        raise _Injected

    return type(actor_type.__name__, (actor_type,), {hook: fail})


def _shared_places(actor_type: type[AnyActor]) -> dict[str, Callable[[], object]]:
    """Return a reader for every mutable value that instances of a class would share."""
    places: dict[str, Callable[[], object]] = {}
    for kind in actor_type.__mro__:
        if kind is Actor or kind is object or not issubclass(kind, Actor):
            continue
        module = sys.modules[kind.__module__]
        for owner, label in ((kind, kind.__name__), (module, kind.__module__)):
            for name, value in vars(owner).items():
                if not name.startswith("__") and isinstance(value, (*_MUTABLE, int, float)):
                    places[f"{label}.{name}"] = _reader(owner, name)
    return places


def _reader(owner: object, name: str) -> Callable[[], object]:
    return lambda: getattr(owner, name, None)


def _snapshot(value: object) -> object:
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 (a value that cannot be copied is compared by its size)
        return len(value) if hasattr(value, "__len__") else None


async def check_stateless(subject: Subject) -> list[str]:
    """Check that an actor which says that it is stateless has the same outputs in new sessions."""
    if not subject.actor_type.stateless:
        return []
    whole = await subject.run(subject.fresh_samples() * 2)
    parts = [await subject.run([item]) for item in subject.fresh_samples()]
    if whole == [output for part in parts for output in part] * 2:
        return []
    return [
        "its outputs in one session differ from those in a new session for each item, though it "
        "declares stateless = True: leave that out, or keep nothing between two items"
    ]


async def check_moved_state(subject: Subject) -> list[str]:
    """Check that an actor which exports its state goes on elsewhere as if nothing had happened."""
    if not subject.actor_type.moves_state:
        return []
    items = subject.fresh_samples() * 2
    whole = await subject.run(items)
    for at in sorted({0, 1, len(items) // 2, len(items)}):
        try:
            moved = await subject.run_moved(items, at)
        except NodeError as error:
            return [f"it cannot go on with its state after {at} items: {raised(error)}"]
        if moved != whole:
            return [
                f"with its state moved after {at} of {len(items)} items, its outputs differ: "
                "export_state() must return all that later outputs depend on, and import_state() "
                "take it over"
            ]
    return []
