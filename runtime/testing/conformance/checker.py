"""The actor that checks another one, inside a node process."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, ClassVar, Final

from actors import Actor, Control, Data, Field, Json, Params

from ...catalogue import NodeType, load_actor, target_of
from . import (
    background,
    batches,
    behaviour,
    cancellation,
    declarations,
    large_items,
    lifecycle,
    resources,
)
from .subject import Subject

Check = Callable[[Subject], list[str] | Awaitable[list[str]]]
"""Returns a message for each violation."""

_REQUEST: Final = "millrace.check"

PLAIN_RUN: Final = "plain-run"
"""A request for the outputs of the samples, in place of a check."""

# In an order in which the first violation explains those after it.
_CHECKS: Final[Mapping[str, Check]] = {
    "kinds": declarations.check_kinds,
    "params": declarations.check_params,
    "samples": behaviour.check_samples,
    "immutable-inputs": behaviour.check_inputs,
    "immutable-outputs": behaviour.check_outputs,
    "odd-items": behaviour.check_odd_items,
    "huge-items": behaviour.check_huge_items,
    "empty-stream": lifecycle.check_empty_stream,
    "flush-twice": lifecycle.check_flush_twice,
    "failing-hooks": lifecycle.check_failing_hooks,
    "session-state": lifecycle.check_session_state,
    "stateless": lifecycle.check_stateless,
    "batches": batches.check_batches,
    "moved-state": lifecycle.check_moved_state,
    "cancellation": cancellation.check_cancellation,
    "closed-generator": cancellation.check_closed_generator,
    "background": background.check_background,
    "leaks": resources.check_leaks,
    "asyncio-tasks": resources.check_asyncio_tasks,
    "borrowed-arrays": resources.check_borrowed_arrays,
}
_NATIVE_CHECKS: Final[Mapping[str, Check]] = {
    "blocking": resources.check_blocking,
    "large-items": large_items.check_large_items,
}


def checks_for(executor: str) -> list[str]:
    """Return the names of the checks for an actor that an executor runs, in their order."""
    return [*_CHECKS, *(_NATIVE_CHECKS if executor == "native" else ())]


def check_request(name: str) -> Json:
    """Return the item that requests a check."""
    return Json(name, metadata={_REQUEST: "1"})


class CheckerParams(Params):
    """The actor to check."""

    target: str = Field("", description='"module:Class" of the actor, if it can be imported')
    params: dict[str, Any] = Field(default={}, description="valid params for the actor")


class ContractChecker(Actor[CheckerParams]):
    """Check an actor.

    In: the samples, then one request for each check. Out: for each request the violations, a JSON
    text each; for `PLAIN_RUN` the outputs of the samples.

    Attributes:
        subject: the class of the actor, if it cannot be imported; see `checker_of`.
    """

    subject: ClassVar[type[Actor[Any]] | None] = None

    def initialize(self) -> None:
        """Import the actor."""
        self._samples: list[Data] = []
        self._actor_type = self.subject or load_actor(self.params.target)

    async def process(self, item: Data) -> AsyncIterator[Data]:
        """Keep a sample, or answer a request."""
        if isinstance(item, Control) or _REQUEST not in item.metadata:
            self._samples.append(item)
            return
        assert isinstance(item, Json)
        subject = Subject(self._actor_type, self.params.params, tuple(self._samples))
        if item.value == PLAIN_RUN:
            outcome = await subject.outcome(subject.fresh_samples())
            for output in outcome.outputs:
                yield output
            if outcome.was_stopped:
                yield Json(time.perf_counter())  # no two runs of a source without an end are equal
            return
        check = {**_CHECKS, **_NATIVE_CHECKS}[str(item.value)]
        found = check(subject)
        for message in found if isinstance(found, list) else await found:
            yield Json(message)


def checker_of(
    actor: type[Actor[Any]], params: Mapping[str, Any]
) -> tuple[type[ContractChecker], dict[str, Any]]:
    """Return the class that checks an actor with these params, and the params of that class.

    A class that cannot be imported is an attribute of the checker's, which goes to the node process
    by value too.

    Raises:
        ConfigError: no process can have a copy of the class.
    """
    if NodeType("", target_of(actor), actor=actor).code() is None:
        return ContractChecker, {"target": target_of(actor), "params": dict(params)}

    class CheckerByValue(ContractChecker):
        subject = actor

    return CheckerByValue, {"params": dict(params)}
