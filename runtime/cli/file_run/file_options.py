"""The files of --input and --output, and the nodes they belong to."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors import ANY_KIND, Kind

from ...documents import did_you_mean
from ...media import FileKind, RawFormat, Source, kinds_written, open_source
from ..errors import CommandError
from ..output_file import check_writable
from ..tables import kinds_text

if TYPE_CHECKING:
    from .pipeline_nodes import PipelineNodes

STANDARD_STREAM: Final = "-"
_MEDIA: Final = frozenset({Kind.AUDIO, Kind.VIDEO})
# The name of an ALSA device may have an equals sign: alsa:hw:CARD=PCH.
_DEVICE: Final = "alsa:"
_NODE_AND_FILE: Final = re.compile(r"([^/=]+)=(.+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class FileOption:
    """A file of an --input or --output option.

    Attributes:
        node: None for every source, or for every sink without its own file.
        kind: how an output is written; None leaves it to the name.
    """

    path: str
    node: str | None
    kind: FileKind | None = None


@dataclass(frozen=True, slots=True)
class NodeInputs:
    """Files that are read one after the other into the same node.

    Attributes:
        node: None for every source of the pipeline.
    """

    node: str | None
    sources: tuple[Source, ...]


def file_options(option: str, values: Iterable[str], nodes: Iterable[str]) -> list[FileOption]:
    """Parse `[NODE=]FILE` options.

    Args:
        option: its name, for messages.
        values: of the command line.
        nodes: the ids of the nodes that may be named.

    Raises:
        CommandError: there is no such node.
    """
    known = list(nodes)
    options = []
    for value in values:
        match = _NODE_AND_FILE.fullmatch(value)
        if match is None or value.startswith(_DEVICE):
            options.append(FileOption(value, None))
            continue
        node, path = match.groups()
        if node not in known:
            hint = did_you_mean(node, known, or_else="it may be")
            raise CommandError(
                f"{option} {value}: no such node {node!r}; {hint} (for a file of that name, write "
                f"./{value})"
            )
        options.append(FileOption(path, node))
    return options


def open_inputs(
    inputs: list[FileOption],
    nodes: "PipelineNodes",
    *,
    kind: FileKind | None,
    raw: RawFormat | None,
    chunk_seconds: float,
) -> list[NodeInputs]:
    """Open the input files, and check that their nodes accept what they contain.

    Raises:
        MediaError: a file cannot be read.
        CommandError: a node does not accept the kind of a file.
    """
    if sum(each.path == STANDARD_STREAM for each in inputs) > 1:
        raise CommandError("--input -: stdin can be read only once")
    for each in inputs:
        if each.node is None and not nodes.sources:
            raise CommandError(
                f"--input {each.path}: the sources of this pipeline generate their items; leave "
                "--input out, or name the node: --input NODE=FILE"
            )
    groups: dict[str | None, list[Source]] = {each.node: [] for each in inputs}
    opened: list[Source] = []
    try:
        for each in inputs:
            accepts = _accepted(nodes, each.node)
            source = open_source(
                each.path, kind=kind, raw=raw, accepts=accepts, chunk_seconds=chunk_seconds
            )
            opened.append(source)
            _check_accepted(source, nodes, each.node)
            source.check()
            groups[each.node].append(source)
    except BaseException:
        for source in opened:
            source.close()
        raise
    return [NodeInputs(node, tuple(sources)) for node, sources in groups.items()]


def check_outputs(
    outputs: list[FileOption], inputs: list[FileOption], nodes: "PipelineNodes"
) -> None:
    """Check, before any file is overwritten, that the outputs can hold the results.

    Raises:
        MediaError: the name of a file does not determine a format that can be written.
        CommandError: a file is named twice, cannot be written, or can hold nothing that its nodes
            produce.
    """
    files = [os.path.realpath(each.path) for each in outputs if each.path != STANDARD_STREAM]
    sources = {os.path.realpath(each.path) for each in inputs if each.path != STANDARD_STREAM}
    for each in outputs:
        is_stdout = each.path == STANDARD_STREAM
        path = os.path.realpath(each.path)
        if not is_stdout and path in sources and os.path.isfile(path):
            raise CommandError(f"--output {each.path}: is also an input, and would be overwritten")
        if files.count(path) > 1 or (is_stdout and len(outputs) - len(files) > 1):
            raise CommandError(f"--output {each.path}: is given twice")
        _check_producers(each, outputs, nodes)
        if not is_stdout:
            check_writable(Path(each.path))


def nodes_of(
    output: FileOption, outputs: list[FileOption], nodes: "PipelineNodes"
) -> frozenset[str]:
    """Return the sinks whose results go to an output."""
    if output.node is not None:
        return frozenset({output.node})
    named = {each.node for each in outputs}
    return frozenset(node for node in nodes.sinks if node not in named)


def kinds_produced(
    output: FileOption, outputs: list[FileOption], nodes: "PipelineNodes"
) -> frozenset[Kind]:
    """Return the kinds that the sinks of an output may produce."""
    producers = nodes_of(output, outputs, nodes)
    return frozenset().union(*(nodes.by_id[node].produces for node in producers))


def with_kinds(
    outputs: list[FileOption],
    nodes: "PipelineNodes",
    kind: FileKind | None,
    *,
    is_terminal: bool,
) -> list[FileOption]:
    """Return the outputs of --output options, each with how it is written.

    Standard output is written as WAV or as Matroska where the results can be nothing but audio and
    video, and otherwise as lines, which is also what a terminal gets.

    Args:
        outputs: of the command line.
        nodes: of the pipeline.
        kind: of --output-kind, which overrides all else.
        is_terminal: whether standard output is one.
    """
    return [
        replace(each, kind=kind or (None if is_terminal else _stream_kind(each, outputs, nodes)))
        for each in outputs
    ]


def _stream_kind(
    output: FileOption, outputs: list[FileOption], nodes: "PipelineNodes"
) -> FileKind | None:
    produced = kinds_produced(output, outputs, nodes)
    if output.path != STANDARD_STREAM or not produced or not produced <= _MEDIA:
        return None
    return FileKind.VIDEO if Kind.VIDEO in produced else FileKind.AUDIO


def _check_producers(output: FileOption, outputs: list[FileOption], nodes: "PipelineNodes") -> None:
    writes = kinds_written(output.path, output.kind)
    producers = {node: nodes.by_id[node].produces for node in nodes_of(output, outputs, nodes)}
    if producers and not any(kinds & writes for kinds in producers.values()):
        results = ", ".join(f"{node!r} {kinds_text(kinds)}" for node, kinds in producers.items())
        raise CommandError(
            f"--output {output.path}: takes {kinds_text(writes)}, and the results are: {results}"
        )


def _check_accepted(source: Source, nodes: "PipelineNodes", node: str | None) -> None:
    for target in nodes.sources if node is None else (node,):
        accepts = _accepted(nodes, target)
        if nodes.by_id[target].is_source:
            raise CommandError(
                f"--input {target}={source.name}: node {target!r} "
                f"({nodes.by_id[target].type_name}) is a source: it generates its items"
            )
        if source.gives not in accepts:
            name = nodes.by_id[target].type_name
            hint = "" if node else "; --input NODE=FILE sends a file to one node only"
            raise CommandError(
                f"{source.name}: contains {source.gives.value}, and node {target!r} ({name}) "
                f"accepts {kinds_text(accepts)}" + (hint if len(nodes.sources) > 1 else "")
            )


def _accepted(nodes: "PipelineNodes", node: str | None) -> frozenset[Kind]:
    """Return the kinds that a node accepts, or that all sources accept."""
    accepted = ANY_KIND
    for each in nodes.sources if node is None else (node,):
        accepted &= nodes.by_id[each].accepts
    return accepted
