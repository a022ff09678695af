"""Checks that nothing of an actor goes on after its end: no task, and no item."""

from typing import Final

import trio

from .subject import Subject

# What goes on after cleanup() shows itself within this time.
_AFTER_SECONDS: Final = 0.2


async def check_background(subject: Subject) -> list[str]:
    """Check that no task outlives cleanup(), and that nothing is emitted after the end."""
    before = _tasks()
    outcome = await subject.outcome(subject.fresh_samples())
    left = sorted({task.name for task in _tasks() - before})
    await trio.sleep(_AFTER_SECONDS)
    violations = [
        f"after cleanup() its task {name} still runs: start it with context.start_soon(), so that "
        "it ends with the node"
        for name in left
    ]
    if outcome.late_emits():
        violations.append(
            "it emits after the end of its stream: end in flush() what emits, or start it with "
            "context.start_soon()"
        )
    return violations


def _tasks() -> set[trio.lowlevel.Task]:
    """Return all tasks of this loop."""
    root = trio.lowlevel.current_root_task()
    found: set[trio.lowlevel.Task] = set()
    waiting = [] if root is None else [root]
    while waiting:
        task = waiting.pop()
        found.add(task)
        waiting += [child for nursery in task.child_nurseries for child in nursery.child_tasks]
    return found
