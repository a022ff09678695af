"""The side of the test: asks a process of its own to check an actor, one check after the other."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import trio

from actors import Actor, Data, Json
from actors.testing import ExecutorName, Violation

from ...catalogue import target_of
from ...errors import HookError, MillraceError, NodeError
from ..pipeline import Pipeline, Setups
from ..threaded import ThreadedRun, open_threaded_run
from .checker import PLAIN_RUN, ContractChecker, as_question, checks_for
from .samples import samples_of

MakePipeline = Callable[[Setups, Sequence[tuple[str, str]], ExecutorName], Pipeline]

# Starting a process and importing an actor's module, which may bring a model's library.
_START_SECONDS: Final = 60.0


def find_violations(
    make_pipeline: MakePipeline,
    actor: type[Actor[Any]],
    params: Mapping[str, Any],
    samples: Sequence[Data],
    *,
    executor: ExecutorName,
    skip: frozenset[str],
    seconds: float,
) -> tuple[Violation, ...]:
    """Return every fault that the checks find in an actor.

    Raises:
        ConfigError: its class cannot be imported by its name.
        ValueError: `skip` names no check.
    """
    names = checks_for(executor)
    unknown = skip - set(names) - {_EXECUTORS}
    if unknown:
        raise ValueError(f"no check {min(unknown)!r}; the checks: {', '.join(names)}")
    inquiry = _Inquiry(make_pipeline, actor, params, samples or samples_of(actor.accepts), seconds)
    inquiry.ask_all([name for name in names if name not in skip])
    if not inquiry.findings and _EXECUTORS not in skip:
        inquiry.compare_executors()
    return tuple(inquiry.findings)


_EXECUTORS: Final = "executors"


class _Inquiry:
    """What is asked about one actor."""

    def __init__(
        self,
        make_pipeline: MakePipeline,
        actor: type[Actor[Any]],
        params: Mapping[str, Any],
        samples: Sequence[Data],
        seconds: float,
    ) -> None:
        self.findings: list[Violation] = []
        self._make_pipeline = make_pipeline
        self._actor = actor
        self._params = dict(params)
        self._samples = samples
        self._seconds = seconds
        checker = {"target": target_of(actor), "params": self._params}
        self._checker = make_pipeline({"node": (ContractChecker, checker)}, [], "multiprocess")

    def ask_all(self, names: Sequence[str]) -> None:
        """Ask every question, in a new process after each that the actor did not survive."""
        rest = list(names)
        while rest:
            survived = self._ask_until_stuck(rest)
            if not survived and rest[0] in ("params", "samples"):
                return  # nothing works, and everything else would only say so again
            del rest[0]

    def compare_executors(self) -> None:
        """Find out whether the actor gives the same in a process of its own."""
        here = self._plain_run()
        if here is None:
            return  # not even the same twice
        nodes = {"node": (self._actor, self._params)}
        pipeline = self._make_pipeline(nodes, [], "multiprocess")
        try:
            with open_threaded_run(pipeline, virtual_time=False) as run:
                there = run.call(partial(_all_outputs, run, self._samples, self._seconds))
        except MillraceError as error:
            self._found(_EXECUTORS, f"works natively, but not in a process of its own: {error}")
            return
        if there is not None and there != here:
            self._found(
                _EXECUTORS,
                f"gave {len(here)} items natively and {len(there)} in a process of its own, or "
                "not the same: it depends on where it runs",
            )

    def _ask_until_stuck(self, rest: list[str]) -> bool:
        """Ask `rest`, dropping each that is answered; return whether the process survived."""
        try:
            with open_threaded_run(self._checker, virtual_time=False) as run:
                run.feed(*self._samples)
                while True:
                    answer = run.call(partial(_ask, run, rest[0], self._seconds))
                    if answer is None:
                        self._found(
                            rest[0], f"did not come back within {self._seconds:g} s: it hangs"
                        )
                        return False
                    self._take_in(rest[0], answer)
                    if len(rest) == 1:
                        return True
                    if rest[0] == "samples" and answer:
                        del rest[1:]
                        return True
                    del rest[0]
        except HookError as error:
            self._found(rest[0], f"the check itself failed: {error}\n{error.stack_trace}")
        except NodeError as error:
            self._found(rest[0], f"its process did not survive this: {error}")
        return False

    def _take_in(self, check: str, answer: Sequence[Data]) -> None:
        for item in answer:
            assert isinstance(item, Json)
            self._found(check, str(item.value))

    def _plain_run(self) -> list[Data] | None:
        """Return what the samples give natively; None if not the same twice."""
        with open_threaded_run(self._checker, virtual_time=False) as run:
            run.feed(*self._samples)
            first = run.call(partial(_ask, run, PLAIN_RUN, self._seconds))
            second = run.call(partial(_ask, run, PLAIN_RUN, self._seconds))
        return None if first is None or first != second else list(first)

    def _found(self, check: str, message: str) -> None:
        self.findings.append(Violation(check, message))


async def _ask(run: ThreadedRun, name: str, seconds: float) -> Sequence[Data] | None:
    with trio.move_on_after(seconds):
        return await run.inner.feed(as_question(name))
    return None


async def _all_outputs(
    run: ThreadedRun, samples: Sequence[Data], seconds: float
) -> list[Data] | None:
    with trio.move_on_after(seconds):
        return [*await run.inner.feed(*samples), *await run.inner.end()]
    return None
