"""Runs every check of an executor."""

import math
from collections.abc import Awaitable, Callable, Collection, Mapping
from types import MappingProxyType
from typing import Final

import trio

from ...config import Files, Multiprocess, RuntimeConfig
from ...executors import ExecutorFactory
from ...session import open_runtime
from . import data_checks, life_checks
from .subject import Subject, node_types

Check = Callable[[Subject], Awaitable[None]]

CHECKS: Final[tuple[Check, ...]] = (*data_checks.CHECKS, *life_checks.CHECKS)

BATCHED_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {"Probe": "BatchedProbe", "PassThrough": "BatchedPass", "ControlWatcher": "BatchedWatcher"}
)
"""The node types of the checks for an executor of batched nodes."""

_NAME: Final = "checked"
_GRACE_SECONDS: Final = 1.0


def check_executor(
    factory: ExecutorFactory | None,
    *,
    name: str = _NAME,
    config: RuntimeConfig | None = None,
    without: Collection[str] = (),
    types: Mapping[str, str] = MappingProxyType({}),
    host: str = "",
    together: int = 3,
) -> None:
    """Check an executor against the list that every executor must fulfil.

    All checks share one runtime, which must have the processes for them: about 3 nodes each.

    Args:
        factory: the executor; None for one that the runtime has by its name.
        name: of the executor.
        config: of the runtime, with the executor's own settings; any file may be named.
        without: names of checks to leave out, for what the executor does not offer.
        types: node types that the executor runs in place of others, by the names of those:
            `BATCHED_TYPES` for one that runs batched nodes only.
        host: that nodes of the executor name, for one whose nodes have a `host`. The server there
            must have the node types of `node_types()`.
        together: how many checks run at the same time.

    Raises:
        AssertionError: a check failed; the message lists all that did.
        ValueError: `without` names a check that does not exist.

    Example:
        def test_the_executor_fulfils_the_contract():
            check_executor(my_factory)
    """
    unknown = set(without) - {check.__name__ for check in CHECKS}
    if unknown:
        raise ValueError(f"no check is called {', '.join(map(repr, sorted(unknown)))}")
    checks = [check for check in CHECKS if check.__name__ not in without]
    checked = _config_of(config)
    failures = trio.run(_run, factory, name, checked, checks, together, types, host)
    if failures:
        raise AssertionError(
            f"the executor {name!r} breaks {len(failures)} rules:\n" + "\n".join(failures)
        )


def _config_of(given: RuntimeConfig | None) -> RuntimeConfig:
    config = given or RuntimeConfig(
        multiprocess=Multiprocess(cleanup_grace_period_secs=_GRACE_SECONDS)
    )
    # One of the checks names a file.
    return config.model_copy(update={"files": Files(roots=("/",))})


async def _run(
    factory: ExecutorFactory | None,
    name: str,
    config: RuntimeConfig,
    checks: Collection[Check],
    together: int,
    types: Mapping[str, str],
    host: str,
) -> list[str]:
    failures: list[str] = []
    executors = {} if factory is None else {name: factory}
    turns = trio.CapacityLimiter(together if together else math.inf)
    async with open_runtime(config, node_types=node_types(), executors=executors) as runtime:
        await runtime.warm([name])
        async with trio.open_nursery() as nursery:
            for check in checks:
                nursery.start_soon(
                    _run_check, check, Subject(runtime, name, types, host), turns, failures
                )
    return sorted(failures)


async def _run_check(
    check: Check, subject: Subject, turns: trio.CapacityLimiter, failures: list[str]
) -> None:
    async with turns:
        try:
            await check(subject)
        except Exception as error:  # noqa: BLE001 (whatever the executor does is a failed check)
            failures.append(f"- {check.__name__}: {type(error).__name__}: {error}")
