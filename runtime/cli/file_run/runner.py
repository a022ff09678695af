"""Runs a manifest on files, from the options to the last result."""

import dataclasses
import os
import stat
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from functools import partial
from pathlib import Path
from typing import Final

import trio
from rich.console import Console

from ...config import LONGEST_INIT_TIMEOUT_SECS
from ...execution.process import debug_environment, set_breakpoint_hook
from ...latency import LatencySummary
from ...manifest import load_manifest
from ...media import FileKind, RawFormat, open_sink
from ...plan import Plan
from ...session import Session
from ..errors import CommandError
from ..file_kinds import INPUT_KINDS, OUTPUT_KINDS, kind_names
from ..workspace import Workspace, open_workspace
from .explaining import RunExplanation
from .file_options import (
    STANDARD_STREAM,
    FileOption,
    check_outputs,
    file_options,
    kinds_produced,
    nodes_of,
    open_inputs,
    with_kinds,
)
from .open_pipeline import Pipeline, Recorded, open_local, open_remote
from .options import RunOptions
from .pipeline_nodes import PipelineNodes, nodes_of_manifest, nodes_of_plan
from .progress_view import LineView, LiveView, ProgressView, SilentView
from .result_writers import ResultWriter, ResultWriters
from .transfer import transfer

_MANIFEST_SUFFIXES: Final = frozenset({".json", ".yaml", ".yml", ""})


def run_on_files(
    options: RunOptions,
    console: Console,
    stdout: int,
    *,
    on_end: Callable[[Session], None] = lambda _: None,
) -> None:
    """Run a manifest on files.

    Args:
        options: of the command line.
        console: for messages.
        stdout: the descriptor for results.
        on_end: is called with the session at its end, if the run was local.

    Raises:
        MillraceError: the command, an input or the manifest is not valid, or the pipeline failed.
        StoppedError: SIGINT or SIGTERM stopped the run.
    """
    with ExitStack() as stack:
        reads = _kind("--input-kind", options.input_kind, INPUT_KINDS)
        raw = _raw_format(options, reads)
        writes = _kind("--output-kind", options.output_kind, OUTPUT_KINDS)
        _check_manifest_name(options.manifest)
        workspace = stack.enter_context(open_workspace(options.settings, options.sources))
        workspace = workspace.with_any_override()
        if options.debug is not None:
            workspace = _with_longest_init_timeout(workspace)
        quiet = options.quiet or options.debug is not None
        explanation = RunExplanation() if options.explains else None
        nodes, opening = _pipeline(options, workspace, console, on_end, explanation)
        # Standard input is for the sources that read it, and not for those that generate items.
        default = [STANDARD_STREAM] if nodes.sources else []
        inputs = file_options("--input", options.inputs or default, nodes.by_id)
        outputs = _outputs(options, nodes, writes, stdout)
        check_outputs(outputs, inputs, nodes)
        _announce_terminal_input(inputs, console, quiet=quiet)
        opened = open_inputs(
            inputs, nodes, kind=reads, raw=raw, chunk_seconds=options.chunk_ms / 1000
        )
        for source in (source for each in opened for source in each.sources):
            stack.callback(source.close)
        writers = _open_writers(outputs, nodes, stdout)
        view = stack.enter_context(_view(console, outputs, stdout, quiet=quiet))
        try:
            trio.run(partial(transfer, realtime=options.realtime), opening, opened, writers, view)
        finally:
            _print_explanation(console, explanation)
        if writers.unwritten():
            console.print(f"not written to any file: {writers.unwritten()}")


def _check_manifest_name(manifest: Path) -> None:
    """Refuse an input file that stands in the place of the manifest, before it is parsed."""
    if manifest.suffix.lower() not in _MANIFEST_SUFFIXES and manifest.is_file():
        raise CommandError(
            f"{manifest}: expected a manifest, a .json or .yaml file; an input file is given with "
            f"--input: millrace run MANIFEST --input {manifest}"
        )


def _pipeline(
    options: RunOptions,
    workspace: Workspace,
    console: Console,
    on_end: Callable[[Session], None],
    explanation: RunExplanation | None,
) -> tuple[PipelineNodes, AbstractAsyncContextManager[Pipeline]]:
    """Return the nodes of the pipeline, and the context that runs it."""
    server = options.server
    if server is None:
        plan = workspace.plan(options.manifest)
        if options.debug is not None:
            _enable_debugger(options.debug, plan)
        followed = None if explanation is None else explanation.following
        opening = open_local(workspace, plan, on_end, _recorded(options), followed)
        return nodes_of_plan(plan), opening
    if options.record is not None:
        raise CommandError("--record works on local sessions only: leave --server out")
    if options.debug is not None:
        raise CommandError("--debug works on local nodes only: leave --server out")
    manifest = load_manifest(options.manifest)
    if server.exposes_token:
        console.print("the token is sent without encryption: use --tls", style="yellow")
    trio.run(server.check)
    nodes = nodes_of_manifest(manifest, workspace.catalogue, workspace.describer)
    if explanation is not None:
        trio.run(explanation.check, server)
        return nodes, explanation.open_remote(server, manifest)
    return nodes, open_remote(server, manifest)


def _print_explanation(console: Console, explanation: RunExplanation | None) -> None:
    if explanation is not None:
        from ..latency import print_summary

        summary = explanation.summary or LatencySummary(0, 0, 1)
        print_summary(console, summary, notes=explanation.notes)


def _recorded(options: RunOptions) -> Recorded | None:
    """Return what records the session, if --record asks for it."""
    if options.record is None:
        if options.record_all:
            raise CommandError("--record-all needs --record FILE")
        return None
    from ...recording import record

    return partial(record, path=options.record, nodes=None if options.record_all else ())


def _with_longest_init_timeout(workspace: Workspace) -> Workspace:
    """Return a workspace whose nodes may initialize for as long as a person debugs them."""
    config = workspace.config
    multiprocess = config.multiprocess.model_copy(
        update={"init_timeout_secs": LONGEST_INIT_TIMEOUT_SECS}
    )
    config = config.model_copy(update={"multiprocess": multiprocess})
    return dataclasses.replace(workspace, config=config)


def _enable_debugger(node: str, plan: Plan) -> None:
    """Let breakpoint() in a node open a debugger on the terminal."""
    if node not in plan.successors:
        raise CommandError(f"--debug {node}: the nodes are {', '.join(plan.successors)}")
    terminal = next((os.ttyname(fd) for fd in (0, 2) if os.isatty(fd)), None)
    if terminal is None:
        raise CommandError(f"--debug {node}: there is no terminal to debug on")
    os.environ.update(debug_environment(node, terminal))
    if not plan.node(node).uses_process:
        set_breakpoint_hook(node)


def _kind(option: str, value: str | None, allowed: str) -> FileKind | None:
    if value is None:
        return None
    if value not in kind_names(allowed):
        raise CommandError(f"{option} {value}: expected {allowed}")
    return FileKind(value)


def _raw_format(options: RunOptions, kind: FileKind | None) -> RawFormat | None:
    if options.input_format is None:
        return None
    if kind not in (None, FileKind.AUDIO):
        raise CommandError("--input-format is for audio: leave --input-kind out")
    return RawFormat.parse(options.input_format)


def _outputs(
    options: RunOptions, nodes: PipelineNodes, kind: FileKind | None, stdout: int
) -> list[FileOption]:
    if not options.outputs:  # lines, also of audio: nobody has asked for media
        return [FileOption(STANDARD_STREAM, None, kind)]
    outputs = file_options("--output", options.outputs, nodes.sinks)
    return with_kinds(outputs, nodes, kind, is_terminal=os.isatty(stdout))


def _announce_terminal_input(inputs: list[FileOption], console: Console, *, quiet: bool) -> None:
    """Print that the keyboard is read; otherwise the command would seem to do nothing."""
    if not quiet and sys.stdin.isatty() and any(each.path == STANDARD_STREAM for each in inputs):
        console.print("reading from the terminal; Ctrl-D ends the input", style="dim")


def _open_writers(outputs: list[FileOption], nodes: PipelineNodes, stdout: int) -> ResultWriters:
    """Open the output files; if one cannot be opened, remove the new ones again."""
    writers = ResultWriters()
    created: list[str] = []
    try:
        for each in outputs:
            is_new = each.path != STANDARD_STREAM and not os.path.lexists(each.path)
            expects = kinds_produced(each, outputs, nodes)
            sink = open_sink(each.path, kind=each.kind, stdout=stdout, expects=expects)
            if is_new and os.path.isfile(each.path):
                created.append(each.path)
            is_terminal = each.kind is not FileKind.JSON_LINES and _is_terminal(each.path, stdout)
            writers.add(ResultWriter(sink, nodes_of(each, outputs, nodes), is_terminal))
    except BaseException:
        writers.close()
        for path in created:
            os.unlink(path)
        raise
    return writers


def _is_terminal(path: str, stdout: int) -> bool:
    if path == STANDARD_STREAM:
        return os.isatty(stdout)
    try:
        return stat.S_ISCHR(os.stat(path).st_mode)
    except OSError:  # not a file yet, such as that of the first of numbered images
        return False


def _view(console: Console, outputs: list[FileOption], stdout: int, *, quiet: bool) -> ProgressView:
    if quiet:
        return SilentView()
    if not console.is_terminal:
        return LineView(console)
    shares_terminal = os.isatty(stdout) and any(each.path == STANDARD_STREAM for each in outputs)
    return LiveView(console, shares_terminal=shares_terminal)
