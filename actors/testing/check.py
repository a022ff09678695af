"""The contract, tried on any actor."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ..actor import Actor
from ..data import Data
from ..params import Params
from ._kit import installed_kit
from .contract import ExecutorName, Kit, Violation
from .harness import plain_params


class ContractError(AssertionError):
    """An actor does not keep its contract.

    Attributes:
        findings: every fault.
    """

    def __init__(self, actor: type[Actor[Any]], findings: Sequence[Violation]) -> None:
        self.findings = tuple(findings)
        faults = "one fault" if len(findings) == 1 else f"{len(findings)} faults"
        lines = "\n".join(f"  {finding}" for finding in findings)
        super().__init__(f"{actor.__name__} has {faults}:\n{lines}")


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
    """Try the contract on an actor, in a process of its own, so that nothing can hang the test.

    It gets empty items, huge ones, odd values and kinds that it does not take; it is cancelled in
    the middle, made to fail in each hook, flushed twice; its params are given values that they must
    refuse; and it is looked for whether it changes its inputs or what it sent, keeps borrowed
    arrays, leaves threads or descriptors behind, shares state between sessions, blocks the loop, or
    gives other results in a process of its own.

    Args:
        actor: defined in a module, so that another process can import it.
        params: that it works with; its defaults if None.
        samples: items that it works on, a few of each kind it needs; some of every kind that it
            declares by default.
        executor: "native" asks of it, beyond all else, that no call holds the loop for long.
        skip: names of checks that are left out, each with a reason of yours.
        seconds: for each check; one that takes longer is reported as a fault.
        kit: of the installed runtime if None; the pytest fixtures pass one that is warm.

    Raises:
        ContractError: it has faults; `findings` lists all.
    """
    findings = find_violations(
        actor,
        params=params,
        samples=samples,
        executor=executor,
        skip=skip,
        seconds=seconds,
        kit=kit,
    )
    if findings:
        raise ContractError(actor, findings)


def find_violations(
    actor: type[Actor[Any]],
    *,
    params: Mapping[str, Any] | Params | None = None,
    samples: Sequence[Data] = (),
    executor: ExecutorName = "native",
    skip: Collection[str] = (),
    seconds: float = 10,
    kit: Kit | None = None,
) -> tuple[Violation, ...]:
    """Do as `check_actor` does, and return the faults."""
    return (kit or installed_kit()).find_violations(
        actor,
        plain_params(params),
        samples,
        executor=executor,
        skip=frozenset(skip),
        seconds=seconds,
    )
