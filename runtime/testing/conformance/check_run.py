"""Runs the checks of an actor, one after the other, in a node process that they may break."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

import trio

from actors import Data, Json
from actors.testing import ActorCheck, ExecutorName, Violation

from ...errors import HookError, MillraceError, NodeError
from ..pipeline import Pipeline, Setups
from ..threaded_run import ThreadedRun, open_threaded_run
from .checker import PLAIN_RUN, check_request, checker_of, checks_for
from .samples import samples_of

MakePipeline = Callable[[Setups, Sequence[tuple[str, str]], ExecutorName], Pipeline]

_EXECUTORS: Final = "executors"
"""The check that compares the executors; it needs more than one process."""


def find_violations(make_pipeline: MakePipeline, check: ActorCheck) -> tuple[Violation, ...]:
    """Return every violation that the checks find.

    Raises:
        ConfigError: no process can have a copy of the actor's class.
        ValueError: `check.skip` names an unknown check.
    """
    names = checks_for(check.executor)
    unknown = set(check.skip) - set(names) - {_EXECUTORS}
    if unknown:
        raise ValueError(f"no check {min(unknown)!r}; the checks: {', '.join(names)}")
    run = _CheckRun(make_pipeline, check)
    run.run_checks([name for name in names if name not in check.skip])
    if not run.violations and _EXECUTORS not in check.skip:
        run.compare_executors()
    return tuple(run.violations)


class _CheckRun:
    """The checks of one actor.

    Attributes:
        violations: those found so far.
    """

    def __init__(self, make_pipeline: MakePipeline, check: ActorCheck) -> None:
        self.violations: list[Violation] = []
        self._make_pipeline = make_pipeline
        self._actor = check.actor
        self._params = dict(check.params)
        self._samples = check.samples or samples_of(check.actor.accepts)
        self._seconds = check.seconds
        checker = checker_of(check.actor, self._params)
        self._checker = make_pipeline({"node": checker}, [], "multiprocess")

    def run_checks(self, names: Sequence[str]) -> None:
        """Run the checks; after one that breaks the process, go on in a new process."""
        rest = list(names)
        while rest:
            survived = self._run_in_one_process(rest)
            if not survived and rest[0] in ("params", "samples"):
                return  # the actor does not work at all: every other check would fail too
            del rest[0]

    def compare_executors(self) -> None:
        """Check that the actor gives the same outputs in a node process."""
        native = self._plain_run()
        if native is None:
            return  # its outputs differ from run to run
        nodes = {"node": (self._actor, self._params)}
        pipeline = self._make_pipeline(nodes, [], "multiprocess")
        try:
            with open_threaded_run(pipeline, virtual_time=False) as run:
                other = run.call(partial(_all_outputs, run, self._samples, self._seconds))
        except MillraceError as error:
            self._add(_EXECUTORS, f"works natively, but not in a node process: {error}")
            return
        if other is not None and other != native:
            self._add(
                _EXECUTORS,
                f"gave {len(native)} items natively and {len(other)} in a node process, or "
                "different ones: it depends on where it runs",
            )

    def _run_in_one_process(self, rest: list[str]) -> bool:
        """Run the checks of `rest`, removing those that are done; return if the process lives.

        The check at which it ended is the first of `rest` then.
        """
        try:
            with open_threaded_run(self._checker, virtual_time=False) as run:
                run.feed(*self._samples)
                while True:
                    answer = run.call(partial(_request, run, rest[0], self._seconds))
                    if answer is None:
                        message = f"did not come back within {self._seconds:g} s: it hangs"
                        self._add(rest[0], message)
                        return False
                    self._add_all(rest[0], answer)
                    if len(rest) == 1:
                        return True
                    if rest[0] == "samples" and answer:
                        del rest[1:]
                        return True
                    del rest[0]
        except HookError as error:
            self._add(rest[0], f"the check itself failed: {error}\n{error.stack_trace}")
        except NodeError as error:
            self._add(rest[0], f"its process did not survive this: {error}")
        return False

    def _add_all(self, check: str, answer: Sequence[Data]) -> None:
        for item in answer:
            assert isinstance(item, Json)
            self._add(check, str(item.value))

    def _plain_run(self) -> list[Data] | None:
        """Return the native outputs of the samples; None if two runs give different ones."""
        with open_threaded_run(self._checker, virtual_time=False) as run:
            run.feed(*self._samples)
            first = run.call(partial(_request, run, PLAIN_RUN, self._seconds))
            second = run.call(partial(_request, run, PLAIN_RUN, self._seconds))
        return None if first is None or first != second else list(first)

    def _add(self, check: str, message: str) -> None:
        self.violations.append(Violation(check, message))


async def _request(run: ThreadedRun, name: str, seconds: float) -> Sequence[Data] | None:
    """Return the answer to a request of a check; None if there is none in time."""
    with trio.move_on_after(seconds):
        return await run.inner.feed(check_request(name))
    return None


async def _all_outputs(
    run: ThreadedRun, samples: Sequence[Data], seconds: float
) -> list[Data] | None:
    with trio.move_on_after(seconds):
        return [*await run.inner.feed(*samples), *await run.inner.end()]
    return None
