"""A run of a manifest on files, as `millrace run` and `millrace profile` ask for it."""

import dataclasses
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import trio
from rich.console import Console

from ..config import LONGEST_INIT_TIMEOUT_SECS
from ..execution.process import debug_environment, set_breakpoint_hook
from ..manifest import load_manifest
from ..media import FileKind, RawFormat, open_sink
from ..plan import Plan
from ..session import Session
from .endpoints import Endpoint, check_outputs, endpoints, nodes_of, open_feeds
from .failures import CommandError
from .options import INPUT_KINDS, OUTPUT_KINDS
from .outlets import Outlet, Outlets
from .pipeline_ends import PipelineEnds, ends_of_manifest, ends_of_plan
from .pipelines import Pipeline, open_here, open_there
from .run_view import LineView, LiveView, SilentView, View
from .server_option import ServerChoice
from .transfer import transfer
from .workspace import Workspace, open_workspace

_STANDARD = "-"


@dataclass(frozen=True, slots=True)
class FilesRun:
    """What the command line asks for; see `millrace run --help`."""

    manifest: Path
    inputs: list[str]
    outputs: list[str]
    input_kind: str | None
    output_kind: str | None
    chunk_ms: float
    realtime: bool
    config: Path | None
    nodes: list[str]
    quiet: bool
    debug: str | None = None
    server: ServerChoice | None = None
    input_format: str | None = None


def run_files(
    asked: FilesRun,
    console: Console,
    stdout: int,
    *,
    ended: Callable[[Session], None] = lambda _: None,
) -> None:
    """Run it.

    Args:
        asked: by whom the command line was written.
        console: for people.
        stdout: the descriptor for results.
        ended: is called with the session at its end.

    Raises:
        MillraceError: the command, an input or the manifest is not valid, or the pipeline failed.
    """
    with ExitStack() as stack:
        reads = _kind("--input-kind", asked.input_kind, INPUT_KINDS)
        raw = _raw_format(asked, reads)
        writes = _kind("--output-kind", asked.output_kind, OUTPUT_KINDS)
        workspace = stack.enter_context(open_workspace(asked.config, asked.nodes))
        if asked.debug is not None:
            workspace = _patient(workspace)
        quiet = asked.quiet or asked.debug is not None
        ends, opening = _pipeline(asked, workspace, console, ended)
        sources = endpoints("--input", asked.inputs or [_STANDARD], ends.nodes)
        sinks = endpoints("--output", asked.outputs or [_STANDARD], ends.sinks)
        check_outputs(sinks, sources, ends, writes)
        _invite(sources, console, quiet=quiet)
        feeds = open_feeds(sources, ends, kind=reads, raw=raw, chunk_seconds=asked.chunk_ms / 1000)
        for source in (source for feed in feeds for source in feed.sources):
            stack.callback(source.close)
        outlets = _open_outlets(sinks, ends, writes, stdout)
        view = stack.enter_context(_view(console, sinks, stdout, quiet=quiet))
        run = partial(transfer, at_real_time=asked.realtime)
        trio.run(run, opening, feeds, outlets, view)
        if outlets.lost():
            console.print(f"not written anywhere: {outlets.lost()}", markup=False)


def _pipeline(
    asked: FilesRun,
    workspace: Workspace,
    console: Console,
    ended: Callable[[Session], None],
) -> tuple[PipelineEnds, AbstractAsyncContextManager[Pipeline]]:
    """Return what files can be tied to, and what will run it."""
    server = asked.server
    if server is None:
        plan = workspace.plan(asked.manifest)
        if asked.debug is not None:
            _debug(asked.debug, plan)
        return ends_of_plan(plan), open_here(workspace, plan, ended)
    if asked.debug is not None:
        raise CommandError("--debug is for nodes that run here: leave --server out")
    loaded = load_manifest(asked.manifest)
    if server.tells_the_token:
        console.print("the token can be read on the way: use --tls", style="yellow", markup=False)
    trio.run(server.check)
    ends = ends_of_manifest(loaded, workspace.catalogue, workspace.describer)
    return ends, open_there(server, loaded)


def _patient(workspace: Workspace) -> Workspace:
    """Return a workspace where a node may take as long as can be to get ready."""
    config = workspace.config
    patient = config.multiprocess.model_copy(
        update={"init_timeout_secs": LONGEST_INIT_TIMEOUT_SECS}
    )
    config = config.model_copy(update={"multiprocess": patient})
    return dataclasses.replace(workspace, config=config)


def _debug(node: str, plan: Plan) -> None:
    """Let breakpoint() stop in a node."""
    if node not in plan.successors:
        raise CommandError(f"--debug {node}: the nodes are {', '.join(plan.successors)}")
    terminal = next((os.ttyname(fd) for fd in (0, 2) if os.isatty(fd)), None)
    if terminal is None:
        raise CommandError(f"--debug {node}: there is no terminal to debug on")
    os.environ.update(debug_environment(node, terminal))
    if not plan.node(node).uses_process:
        set_breakpoint_hook(node)


def _kind(option: str, given: str | None, allowed: str) -> FileKind | None:
    if given is None:
        return None
    if given not in allowed.replace(" or ", ", ").split(", "):
        raise CommandError(f"{option} {given}: expected {allowed}")
    return FileKind(given)


def _raw_format(asked: FilesRun, kind: FileKind | None) -> RawFormat | None:
    if asked.input_format is None:
        return None
    if kind not in (None, FileKind.AUDIO):
        raise CommandError("--input-format is for audio; leave --input-kind out")
    return RawFormat.parse(asked.input_format)


def _invite(inputs: list[Endpoint], console: Console, *, quiet: bool) -> None:
    """Say that the keyboard is read, before it seems that nothing happens."""
    if not quiet and sys.stdin.isatty() and any(each.path == _STANDARD for each in inputs):
        console.print("reading from the terminal; Ctrl-D ends it", style="dim")


def _open_outlets(
    outputs: list[Endpoint], ends: PipelineEnds, kind: FileKind | None, stdout: int
) -> Outlets:
    opened = Outlets()
    try:
        for each in outputs:
            sink = open_sink(each.path, kind=kind, stdout=stdout)
            opened.add(Outlet(sink, nodes_of(each, outputs, ends)))
    except BaseException:
        opened.close()
        raise
    return opened


def _view(console: Console, outputs: list[Endpoint], stdout: int, *, quiet: bool) -> View:
    if quiet:
        return SilentView()
    if not console.is_terminal:
        return LineView(console)
    prints = os.isatty(stdout) and any(each.path == _STANDARD for each in outputs)
    return LiveView(console, results_here=prints)
