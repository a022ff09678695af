"""Runs a target with random examples, for so many examples or seconds."""

import faulthandler
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, Protocol, cast

import hypothesis
from hypothesis.strategies import SearchStrategy

TARGETS: Final = (
    "buffers",
    "configuration",
    "doorbells",
    "http2",
    "items",
    "manifests",
    "wave_files",
    "wire_messages",
)

Check = Callable[[Any], None]
"""Feeds one example to the border; raises if the outcome is not a documented one."""

_BATCH: Final = 100
# An example takes some ms. What takes this long hangs, and its traceback is written to stderr.
_HANG_SECONDS: Final = 60.0


class Target(Protocol):
    """What the module of a target defines."""

    EXAMPLES: SearchStrategy[Any]

    def opened(self) -> AbstractContextManager[Check]:
        """Open what the examples need, such as a server, and return the check."""


@dataclass(slots=True)
class Report:
    """The size of a run that found nothing."""

    examples: int = 0
    seconds: float = 0.0
    last_seed: int = 0


def load(name: str) -> Target:
    """Return a target by its name in `TARGETS`."""
    return cast(Target, import_module(f"{__package__}.{name}"))


def fuzz(name: str, *, seed: int, seconds: float = 0.0, examples: int = _BATCH) -> Report:
    """Run a target; raise what its first failing example raised, with the example as a note.

    Args:
        name: of the target.
        seed: of the first batch; each further batch has the next one.
        seconds: how long to go on after the first batch.
        examples: of one batch.
    """
    report, target, began = Report(), load(name), time.monotonic()
    with target.opened() as check:
        while True:
            report.last_seed = seed
            try:
                _run_batch(target.EXAMPLES, check, report, seed=seed, examples=examples)
            except Exception as error:
                error.add_note(f"again: python -m tests.fuzz {name} --seed {seed} --seconds 0")
                raise
            seed += 1
            report.seconds = time.monotonic() - began
            if report.seconds >= seconds:
                return report


def _run_batch(
    strategy: SearchStrategy[Any], check: Check, report: Report, *, seed: int, examples: int
) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=examples,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def run(example: Any) -> None:
        report.examples += 1
        faulthandler.dump_traceback_later(_HANG_SECONDS)
        try:
            check(example)
        finally:
            faulthandler.cancel_dump_traceback_later()

    run()
