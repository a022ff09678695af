"""Checks that an actor ends when it is cancelled."""

from collections.abc import AsyncGenerator, Generator

import trio
from trio.testing import wait_all_tasks_blocked

from .subject import SOURCE_SECONDS, AnyActor, Subject, call, processed, raised


async def check_cancellation(subject: Subject) -> list[str]:
    """Cancel the actor in each hook that waits for something."""
    violations = []
    if subject.actor_type.is_source:
        violations += await _cancelled_source(subject)
    for hook in ("initialize", "process"):
        outcome = await _cancelled_in(subject, hook)
        if outcome:
            violations.append(f"{hook}() {outcome}")
    return violations


async def check_closed_generator(subject: Subject) -> list[str]:
    """Close the actor's generator after the first item, as a cancelled session does."""
    async with subject.started() as actor:
        if actor.is_source:
            try:
                with trio.move_on_after(SOURCE_SECONDS):
                    await _close_after_first(await call(actor.generate))
            except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
                return [
                    f"generate() raised {raised(error)} when its generator was closed after an "
                    "item: let GeneratorExit through"
                ]
        for item in subject.fresh_samples():
            result = await call(actor.process, item if actor.batch is None else [item])
            try:
                await _close_after_first(result)
            except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
                return [
                    f"process() raised {raised(error)} when its generator was closed after an "
                    "item: let GeneratorExit through"
                ]
    return []


async def _cancelled_source(subject: Subject) -> list[str]:
    """Cancel a source while it generates, as a session does that stops its sources."""
    async with subject.started() as actor:
        result = await call(actor.generate)
        if not isinstance(result, AsyncGenerator):
            return []  # in a thread, which is not cancelled but closed
        went_on = False
        try:
            with trio.move_on_after(SOURCE_SECONDS) as scope:
                async for _ in result:
                    if scope.cancel_called:
                        went_on = True
                        break
                    # A source that is not cancelled where it waits is closed between two items.
                    await trio.lowlevel.checkpoint()
            await result.aclose()
        except Exception as error:  # noqa: BLE001 (whatever it raises is the violation)
            return [f"generate() raised {raised(error)} when it was cancelled; let it through"]
    if went_on:
        return [
            "generate() went on after it was cancelled: it catches trio.Cancelled, as `except "
            "BaseException` and a bare `except` do; let it through"
        ]
    return []


async def _cancelled_in(subject: Subject, hook: str) -> str:
    """Return how a hook violates the rules of cancellation; empty if it does not."""
    returned = trio.Event()
    was_waiting = False
    error: BaseException | None = None

    async def run(actor: AnyActor) -> None:
        if hook == "initialize":
            await call(actor.initialize)
        else:
            await _process_all(actor, subject)
        returned.set()

    async with subject.started(initialized=hook != "initialize") as actor:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, actor)
                await wait_all_tasks_blocked()
                was_waiting = not returned.is_set()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            error = group.exceptions[0]
    if not was_waiting:
        return ""
    on_asyncio = subject.actor_type.loop == "asyncio"
    cancelled = "asyncio.CancelledError" if on_asyncio else "trio.Cancelled"
    if error is not None:
        return f"raised {raised(error)} when it was cancelled; let {cancelled} through"
    if returned.is_set():
        return (
            f"went on after it was cancelled: it catches {cancelled}, as `except BaseException` "
            "and a bare `except` do; let it through"
        )
    return ""


async def _process_all(actor: AnyActor, subject: Subject) -> None:
    for item in subject.fresh_samples():
        await processed(actor, item)


async def _close_after_first(result: object) -> None:
    if isinstance(result, AsyncGenerator):
        async for _ in result:
            break
        await result.aclose()
    elif isinstance(result, Generator):
        next(result, None)
        result.close()
