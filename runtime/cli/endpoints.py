"""Which file goes into which node, and which node's results go into which file."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from actors import ANY_KIND, Kind

from ..documents import did_you_mean
from ..media import FileKind, RawFormat, Source, kinds_written, open_source
from .failures import CommandError
from .tables import kinds_text

if TYPE_CHECKING:
    from .pipeline_ends import PipelineEnds

STANDARD: Final = "-"
_ENDPOINT: Final = re.compile(r"([^/=]+)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A file, and the node that it is for.

    Attributes:
        node: None for every source, or for every sink that has no file of its own.
    """

    path: str
    node: str | None


@dataclass(frozen=True, slots=True)
class Feed:
    """Files that go into one place one after the other.

    Attributes:
        node: None for every source of the pipeline.
    """

    node: str | None
    sources: tuple[Source, ...]


def endpoints(option: str, given: Iterable[str], nodes: Iterable[str]) -> list[Endpoint]:
    """Read `[NODE=]FILE` options.

    Args:
        option: its name, for messages.
        given: what the command line says.
        nodes: the ids that may be named.

    Raises:
        CommandError: there is no such node.
    """
    known = list(nodes)
    found = []
    for each in given:
        match = _ENDPOINT.fullmatch(each)
        if match is None:
            found.append(Endpoint(each, None))
            continue
        node, path = match.groups()
        if node not in known:
            hint = did_you_mean(node, known, or_else="it may be")
            raise CommandError(
                f"{option} {each}: no such node {node!r}; {hint} (a file of that name is ./{each})"
            )
        found.append(Endpoint(path, node))
    return found


def open_feeds(
    inputs: list[Endpoint],
    ends: "PipelineEnds",
    *,
    kind: FileKind | None,
    raw: RawFormat | None,
    chunk_seconds: float,
) -> list[Feed]:
    """Open the files that go in, and check that the nodes take what is in them.

    Raises:
        MediaError: a file cannot be read.
        CommandError: a node does not take what a file gives.
    """
    if sum(each.path == STANDARD for each in inputs) > 1:
        raise CommandError("--input -: stdin can be read once only")
    groups: dict[str | None, list[Source]] = {each.node: [] for each in inputs}
    opened: list[Source] = []
    try:
        for each in inputs:
            accepts = _accepted(ends, each.node)
            source = open_source(
                each.path, kind=kind, raw=raw, accepts=accepts, chunk_seconds=chunk_seconds
            )
            opened.append(source)
            _check_taken(source, ends, each.node)
            source.check()
            groups[each.node].append(source)
    except BaseException:
        for source in opened:
            source.close()
        raise
    return [Feed(node, tuple(sources)) for node, sources in groups.items()]


def check_outputs(
    outputs: list[Endpoint], inputs: list[Endpoint], ends: "PipelineEnds", kind: FileKind | None
) -> None:
    """Check, before a file is overwritten, that results can go there.

    Raises:
        MediaError: nothing is written to files of such a name.
        CommandError: a file is named twice, or cannot hold anything that its nodes give.
    """
    files = [os.path.realpath(each.path) for each in outputs if each.path != STANDARD]
    sources = {os.path.realpath(each.path) for each in inputs if each.path != STANDARD}
    for each in outputs:
        path = os.path.realpath(each.path)
        if each.path != STANDARD and path in sources and os.path.isfile(path):
            raise CommandError(f"--output {each.path}: is an input too, and would be overwritten")
        if files.count(path) > 1 or (each.path == STANDARD and len(outputs) - len(files) > 1):
            raise CommandError(f"--output {each.path}: is given twice")
        writes = kinds_written(each.path, kind)
        givers = nodes_of(each, outputs, ends)
        if givers and not any(ends.nodes[node].produces & writes for node in givers):
            given = ", ".join(
                f"{node!r} {kinds_text(ends.nodes[node].produces)}" for node in givers
            )
            raise CommandError(
                f"--output {each.path}: takes {kinds_text(writes)}, and the results are: {given}"
            )


def nodes_of(output: Endpoint, outputs: list[Endpoint], ends: "PipelineEnds") -> frozenset[str]:
    """Return the sinks whose results go to an output."""
    if output.node is not None:
        return frozenset({output.node})
    named = {each.node for each in outputs}
    return frozenset(node for node in ends.sinks if node not in named)


def _check_taken(source: Source, ends: "PipelineEnds", node: str | None) -> None:
    for target in ends.sources if node is None else (node,):
        accepts = _accepted(ends, target)
        if source.gives not in accepts:
            name = ends.nodes[target].type_name
            hint = "" if node else "; --input NODE=FILE sends a file to one node only"
            raise CommandError(
                f"{source.name}: gives {source.gives.value}, and node {target!r} ({name}) takes "
                f"{kinds_text(accepts)}" + (hint if len(ends.sources) > 1 else "")
            )


def _accepted(ends: "PipelineEnds", node: str | None) -> frozenset[Kind]:
    """Return the kinds that a node takes, or all sources do."""
    accepted = ANY_KIND
    for each in ends.sources if node is None else (node,):
        accepted &= ends.nodes[each].accepts
    return accepted
