"""Checks of an actor against the contract."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..actor import Actor
from ..data import Data
from ..params import Params
from ._kit import installed_kit
from .contract import ActorCheck, ExecutorName, Kit, Violation
from .harness import plain_params


class ContractError(AssertionError):
    """An actor breaks its contract.

    Attributes:
        violations: every rule that it breaks.
    """

    def __init__(self, actor: type[Actor[Any]], violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        count = "one rule" if len(violations) == 1 else f"{len(violations)} rules"
        lines = "\n".join(f"  {violation}" for violation in violations)
        super().__init__(f"{actor.__name__} breaks {count} of the contract:\n{lines}")


def check_actor(
    actor: type[Actor[Any]],
    *,
    params: Mapping[str, Any] | Params | None = None,
    samples: Sequence[Data] = (),
    executor: ExecutorName = "native",
    skip: Collection[str] = (),
    seconds: float = 10,
    kit: Kit | None = None,
) -> None:
    """Check an actor against the contract, in another process, so that the test cannot hang.

    The actor gets empty items, huge ones, unusual values, and kinds that it does not accept. It is
    cancelled, made to fail in each hook, and flushed twice. Its params get values that they must
    refuse. It must not change its inputs or the outputs that it has sent, keep borrowed arrays,
    leave threads or descriptors behind, share state between sessions, hold the event loop, or give
    other outputs in a node process.

    Args:
        actor: defined anywhere: also in a script, in a notebook, inside a function.
        params: valid params for it; its defaults if None.
        samples: items that it can process, some of each kind that it needs; some of every kind
            that it declares by default.
        executor: "native" also requires that no call holds the event loop for long.
        skip: the names of checks to leave out; state your reason in a comment.
        seconds: the time limit of each check; exceeding it is a violation.
        kit: the test kit; that of the installed runtime if None. The pytest fixtures pass one with
            a warm forkserver.

    Raises:
        ContractError: the actor breaks rules; `violations` lists them.
        ConfigError: no other process can have a copy of the class.
        ValueError: `skip` names an unknown check.
    """
    check = ActorCheck(
        actor=actor,
        params=plain_params(params),
        samples=samples,
        executor=executor,
        skip=skip,
        seconds=seconds,
    )
    violations = find_violations(check, kit=kit)
    if violations:
        raise ContractError(actor, violations)


def find_violations(check: ActorCheck, *, kit: Kit | None = None) -> tuple[Violation, ...]:
    """Check an actor as `check_actor` does, and return the violations."""
    return (kit or installed_kit()).find_violations(check)
