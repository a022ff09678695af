"""Whether the node types and executors that the settings name exist, and do what is asked."""

from collections.abc import Callable, Collection, Iterator
from fnmatch import fnmatchcase

from ..catalogue import Catalogue
from ..catalogue.describing import Describer, Description
from ..config import RuntimeConfig
from ..documents import did_you_mean, shown
from ..errors import ConfigError, Fault


def faults_of_named(
    config: RuntimeConfig, catalogue: Catalogue, describer: Describer, executors: Collection[str]
) -> Iterator[Fault]:
    """Yield a fault for each name that has no effect.

    They keep no server from starting: an application may have types that are not here.

    Args:
        config: the settings.
        catalogue: the node types.
        describer: describes their classes.
        executors: the names of all executors.
    """
    checks: list[tuple[str, Collection[str], Callable[[Description], bool], str]] = [
        ("multiprocess.preload", config.multiprocess.preload, _has_preload, "has no preload()"),
        (
            "executors.shared.types",
            config.executors.shared.types,
            lambda found: found.is_batched,
            "has no process_batch()",
        ),
    ]
    for key, names, can, lack in checks:
        for index, name in enumerate(names):
            node_type = catalogue.find(name)
            if node_type is None:
                yield Fault(f"{key}[{index}]", catalogue.unknown(name))
                continue
            try:
                if not can(describer.describe(node_type)):
                    yield Fault(f"{key}[{index}]", f"{shown(name)} {lack}")
            except ConfigError as error:
                yield Fault(f"{key}[{index}]", str(error))
    for index, pattern in enumerate(config.routing.override_executors):
        if not any(fnmatchcase(name, pattern) for name in executors):
            message = f"no executor {shown(pattern)}; {did_you_mean(pattern, executors)}"
            yield Fault(f"routing.override_executors[{index}]", message)


def _has_preload(found: Description) -> bool:
    return found.preload_params is not None
