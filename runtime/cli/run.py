"""`millrace run`: a manifest on files."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption
from .server_option import (
    CaOption,
    CertificateOption,
    ServerChoice,
    ServerOption,
    TlsOption,
    server_choice,
)

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from rich.console import Console

    from ..media import FileKind
    from .endpoints import Endpoint
    from .outlets import Outlets
    from .pipeline_ends import PipelineEnds
    from .pipelines import Pipeline
    from .run_view import View
    from .workspace import Workspace

_STANDARD = "-"
_INPUT_KINDS = "audio, lines, text, jsonl, json, image or video"
_OUTPUT_KINDS = "audio, lines, jsonl or image"


def run(
    manifest: Annotated[
        Path, typer.Argument(metavar="MANIFEST", help="JSON or YAML.", show_default=False)
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Option(
            "--input",
            "-i",
            metavar="[NODE=]FILE",
            help="What goes in: audio, text, JSON, an image, a film; - is stdin. Several go in one "
            "after the other; those of different nodes at once. Default: stdin.",
            show_default=False,
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="[NODE=]FILE",
            help="Where results go, by suffix: .wav .flac .mp3 .ogg .m4a .txt .jsonl .png .jpg; "
            "- is stdout, as lines. May be given several times. Default: stdout.",
            show_default=False,
        ),
    ] = None,
    input_kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"What all inputs hold: {_INPUT_KINDS}."),
    ] = None,
    output_kind: Annotated[
        str | None,
        typer.Option(metavar="KIND", help=f"How all outputs are written: {_OUTPUT_KINDS}."),
    ] = None,
    chunk_ms: Annotated[
        float, typer.Option(min=1, max=60_000, metavar="MS", help="Length of a chunk of audio.")
    ] = 20,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Send audio no faster than it plays.")
    ] = False,
    server: ServerOption = None,
    tls: TlsOption = False,
    ca: CaOption = None,
    certificate: CertificateOption = None,
    config: ConfigOption = None,
    nodes: NodesOption = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Show no progress, only warnings and errors.")
    ] = False,
    verbose: VerboseOption = False,
) -> None:
    """Run a manifest on files.

    Results go to stdout or files, all else to stderr. Exit status: 0 success, 1 the pipeline
    failed, 2 the command, an input or the manifest is not valid, 130 Ctrl-C.
    """
    from contextlib import ExitStack
    from functools import partial

    import trio

    from .endpoints import check_outputs, endpoints, open_feeds
    from .failures import failures_said
    from .node_logs import logs_shown
    from .screen import error_console, stdout_for_results
    from .transfer import transfer
    from .workspace import open_workspace

    console = error_console()
    with (
        failures_said(console, verbose=verbose),
        logs_shown(console, verbose=verbose),
        stdout_for_results() as stdout,
        ExitStack() as stack,
    ):
        reads = _kind("--input-kind", input_kind, _INPUT_KINDS)
        writes = _kind("--output-kind", output_kind, _OUTPUT_KINDS)
        remote = server_choice(server, tls=tls, ca=ca, certificate=certificate)
        workspace = stack.enter_context(open_workspace(config, nodes))
        ends, opening = _pipeline(manifest, workspace, remote, console)
        sources = endpoints("--input", inputs or [_STANDARD], ends.nodes)
        sinks = endpoints("--output", outputs or [_STANDARD], ends.sinks)
        check_outputs(sinks, sources, ends, writes)
        _invite(sources, console, quiet=quiet)
        feeds = open_feeds(sources, ends, kind=reads, chunk_seconds=chunk_ms / 1000)
        for source in (source for feed in feeds for source in feed.sources):
            stack.callback(source.close)
        outlets = _open_outlets(sinks, ends, writes, stdout)
        view = stack.enter_context(_view(console, sinks, stdout, quiet=quiet))
        trio.run(partial(transfer, opening, feeds, outlets, view, at_real_time=realtime))
        if outlets.lost():
            console.print(f"not written anywhere: {outlets.lost()}", markup=False)


def _pipeline(
    manifest: Path, workspace: "Workspace", server: ServerChoice | None, console: "Console"
) -> "tuple[PipelineEnds, AbstractAsyncContextManager[Pipeline]]":
    """Return what files can be tied to, and what will run it."""
    import trio

    from ..manifest import load_manifest
    from .pipeline_ends import ends_of_manifest, ends_of_plan
    from .pipelines import open_here, open_there

    if server is None:
        plan = workspace.plan(manifest)
        return ends_of_plan(plan), open_here(workspace, plan)
    loaded = load_manifest(manifest)
    if server.tells_the_token:
        console.print("the token can be read on the way: use --tls", style="yellow", markup=False)
    trio.run(server.check)
    return ends_of_manifest(loaded, workspace.catalogue, workspace.describer), open_there(
        server, loaded
    )


def _kind(option: str, given: str | None, allowed: str) -> "FileKind | None":
    from ..media import FileKind
    from .failures import CommandError

    if given is None:
        return None
    if given not in allowed.replace(" or ", ", ").split(", "):
        raise CommandError(f"{option} {given}: expected {allowed}")
    return FileKind(given)


def _invite(inputs: "list[Endpoint]", console: "Console", *, quiet: bool) -> None:
    """Say that the keyboard is read, before it seems that nothing happens."""
    if not quiet and sys.stdin.isatty() and any(each.path == _STANDARD for each in inputs):
        console.print("reading from the terminal; Ctrl-D ends it", style="dim")


def _open_outlets(
    outputs: "list[Endpoint]", ends: "PipelineEnds", kind: "FileKind | None", stdout: int
) -> "Outlets":
    from ..media import open_sink
    from .endpoints import nodes_of
    from .outlets import Outlet, Outlets

    opened = Outlets()
    try:
        for each in outputs:
            sink = open_sink(each.path, kind=kind, stdout=stdout)
            opened.add(Outlet(sink, nodes_of(each, outputs, ends)))
    except BaseException:
        opened.close()
        raise
    return opened


def _view(console: "Console", outputs: "list[Endpoint]", stdout: int, *, quiet: bool) -> "View":
    from .run_view import LineView, LiveView, SilentView

    if quiet:
        return SilentView()
    if not console.is_terminal:
        return LineView(console)
    prints = os.isatty(stdout) and any(each.path == _STANDARD for each in outputs)
    return LiveView(console, results_here=prints)
