"""What the nodes of a pipeline mean in a conversation: who says what, and what stops a voice."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict

from actors import Kind

from ..documents import check
from ..plan import NodePlan, Plan

KEY: Final = "talk"
"""The key of a manifest's metadata that names the nodes."""

_DETECTOR: Final = "SileroVADNode"


def _as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


Nodes = Annotated[tuple[str, ...] | None, BeforeValidator(_as_list)]


class _Named(BaseModel):
    """The nodes that a manifest names; None for those that the plan shows."""

    model_config = ConfigDict(extra="forbid")

    heard: Nodes = None
    said: Nodes = None
    detector: Nodes = None
    answering: Nodes = None


@dataclass(frozen=True, slots=True)
class Roles:
    """The nodes that a conversation needs to know.

    Attributes:
        entries: the sources that take audio.
        heard: the sinks whose texts are the words of the person.
        said: the sinks whose texts are the answer.
        detectors: the nodes whose events tell when the person speaks.
        is_interrupted: whether such an event interrupts the answer.
        answering: the nodes at which a barge-in enters.
    """

    entries: tuple[str, ...]
    heard: frozenset[str]
    said: frozenset[str]
    detectors: tuple[str, ...]
    is_interrupted: bool
    answering: tuple[str, ...]

    def speaker(self, node_id: str) -> str:
        """Return who says the texts of a sink: "person", "agent", or "" where that is unknown."""
        if node_id in self.heard:
            return "person"
        return "agent" if node_id in self.said else ""


def roles_of(plan: Plan) -> tuple[Roles, list[str]]:
    """Return the roles of a plan's nodes, and what is wrong with those that the manifest names.

    `talk` of the manifest's metadata names nodes; each key is one id or a list:

        heard      default: the sink `heard`, if there is one
        said       default: the sink `said`, if there is one
        detector   default: every SileroVADNode; they interrupt nothing, if a node of the pipeline
                   emits control messages itself
        answering  default: the nodes that read a speech recognizer; without one, the sinks
    """
    named, problems = _named(plan)
    nodes = {str(node.node_id): node for node in plan.nodes}
    sinks = set(map(str, plan.sinks))
    for key, ids in named:
        for node_id in ids or ():
            if node_id not in nodes:
                problems.append(f"metadata.{KEY}.{key}: the pipeline has no node {node_id!r}")
            elif key in ("heard", "said") and node_id not in sinks:
                problems.append(f"metadata.{KEY}.{key}: node {node_id!r} is no sink")
    heard = _chosen(named.heard, sinks & {"heard"})
    entries = tuple(
        str(node_id) for node_id in plan.sources if Kind.AUDIO in nodes[str(node_id)].accepts.kinds
    )
    if not entries:
        problems.append("no source of this pipeline takes audio")
    roles = Roles(
        entries=entries,
        heard=frozenset(heard),
        said=frozenset(_chosen(named.said, sinks & {"said"})),
        detectors=tuple(_chosen(named.detector, _detectors(plan))),
        is_interrupted=named.detector is not None or not _interrupts_itself(plan),
        answering=tuple(_chosen(named.answering, set(_answering(plan, nodes)) - set(heard))),
    )
    return roles, problems


def _named(plan: Plan) -> tuple[_Named, list[str]]:
    value: Any = plan.manifest.metadata.extra.get(KEY, {})
    checked = check(_Named, value)
    problems = [
        f"{'.'.join(map(str, ('metadata', KEY, *problem.path)))}: {problem.message}"
        for problem in checked.problems
    ]
    return checked.model or _Named(), problems


def _chosen(named: tuple[str, ...] | None, default: set[str]) -> list[str]:
    return sorted(default) if named is None else list(named)


def _detectors(plan: Plan) -> set[str]:
    return {str(node.node_id) for node in plan.nodes if node.node_type.name == _DETECTOR}


def _interrupts_itself(plan: Plan) -> bool:
    # A node that passes everything on "produces" everything: it emits no message of its own.
    own = (node.produces for node in plan.nodes if len(node.produces) < len(Kind))
    return any(Kind.CONTROL in produces for produces in own)


def _answering(plan: Plan, nodes: dict[str, NodePlan]) -> Iterator[str]:
    recognizers = [node for node in plan.nodes if _is_recognizer(node)]
    if not recognizers:
        yield from map(str, plan.sinks)
    for recognizer in recognizers:
        yield from map(str, recognizer.outputs)


def _is_recognizer(node: NodePlan) -> bool:
    takes_audio = Kind.AUDIO in node.accepts.kinds
    return takes_audio and Kind.TEXT in node.produces and Kind.AUDIO not in node.produces
