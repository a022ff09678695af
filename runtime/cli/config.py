"""`millrace config`: every effective setting, and where it comes from."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, NodesOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..config import RuntimeConfig
    from ..errors import Fault
    from ..plan import SettingEntry


def config(
    manifest: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MANIFEST]",
            help="Show what holds for a session of this manifest.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Print only what is wrong; also look at files and interpreters."
        ),
    ] = False,
    path: ConfigOption = None,
    nodes: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show every setting with its value and where it comes from.

    The manifest goes before the environment and runtime.toml, and they before the built-in
    defaults. Exit status: 0 valid, 2 not valid.
    """
    import os

    from ..config import server_access
    from ..plan import check_executors, known_executors, setting_entries
    from .failures import failures_said
    from .screen import error_console, stdout_for_results
    from .workspace import open_workspace

    with failures_said(error_console(), verbose=verbose):
        with stdout_for_results(), open_workspace(path, nodes) as workspace:
            check_executors(workspace.config.routing, known_executors())
            access = server_access(workspace.config.server, os.environ)
            plan = workspace.plan(manifest) if manifest is not None else None
        if check:
            _check_surroundings(workspace.config)
            return
        effective = plan.settings if plan is not None else None
        listed = list(setting_entries(workspace.config, effective, os.environ))
        if as_json:
            _print_json(listed)
        else:
            _print_table(listed, tokens=len(access.tokens))


def _print_json(listed: "list[SettingEntry]") -> None:
    import json

    shown = {
        each.key: {"value": each.value, "source": each.source, "note": each.note} for each in listed
    }
    typer.echo(json.dumps(shown, indent=2, ensure_ascii=False))


def _print_table(listed: "list[SettingEntry]", *, tokens: int) -> None:
    from .screen import output_console
    from .tables import listed_table

    console = output_console()
    console.print(listed_table(listed))
    if tokens:
        console.print(f"\n{tokens} bearer tokens, which are not shown", style="dim")


def _check_surroundings(config: "RuntimeConfig") -> None:
    from ..errors import ConfigError

    faults = list(_surroundings(config))
    if faults:
        raise ConfigError(faults)


def _surroundings(config: "RuntimeConfig") -> "Iterator[Fault]":
    """Yield what is wrong with the files and programs that the settings name."""
    import trio

    from ..errors import Fault
    from ..execution.process import Interpreters

    said = config.multiprocess
    named = {"multiprocess.python_executable": said.python_executable} | {
        f"multiprocess.allowed_python_executables[{index}]": name
        for index, name in enumerate(said.allowed_python_executables)
    }
    interpreters = Interpreters()
    for key, name in named.items():
        fault = trio.run(interpreters.fault, name) if name is not None else ""
        if fault:
            yield Fault(key, f"{name}: {fault}")
    for index, root in enumerate(config.files.roots):
        if not Path(root).is_dir():
            yield Fault(f"files.roots[{index}]", f"{root}: there is no such folder")
    for key in ("tls_certificate", "tls_key", "tls_client_ca"):
        file = getattr(config.server, key)
        if file is not None and not Path(file).is_file():
            yield Fault(f"server.{key}", f"{file}: there is no such file")
