"""The operator's named pipelines, checked and planned before anybody speaks with them."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import ConfigError, Fault, LimitError, ManifestError
from ..manifest import ManifestSource
from ..plan import Plan
from ..session import Runtime
from .roles import Roles, roles_of


@dataclass(frozen=True, slots=True)
class TalkPipeline:
    """A pipeline that a person can speak with.

    Attributes:
        name: under which the operator offers it.
        title: the manifest's own name.
        description: for people; may be empty.
    """

    name: str
    title: str
    description: str
    plan: Plan
    roles: Roles


def plan_pipelines(
    runtime: Runtime, sources: Mapping[str, ManifestSource]
) -> dict[str, TalkPipeline]:
    """Return the pipelines, by name. It is work for a thread.

    Raises:
        ConfigError: one cannot be used; every fault is listed.
    """
    faults: list[Fault] = []
    pipelines: dict[str, TalkPipeline] = {}
    for name, source in sources.items():
        where = f"pipelines.{name}"
        try:
            plan = runtime.plan(source)
        except ManifestError as error:
            faults += [Fault(where, str(fault)) for fault in error.faults]
            continue
        except LimitError as error:
            faults.append(Fault(where, str(error)))
            continue
        roles, problems = roles_of(plan)
        faults += [Fault(where, problem) for problem in problems]
        metadata = plan.manifest.metadata
        pipelines[name] = TalkPipeline(name, metadata.name, metadata.description, plan, roles)
    if faults:
        raise ConfigError(faults)
    return pipelines
