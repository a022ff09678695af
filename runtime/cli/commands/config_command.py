"""`millrace config`: every effective setting, and its source."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..completion import complete_manifest
from .options import ConfigOption, JsonOption, NodesOption, VerboseOption

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ...config import RuntimeConfig
    from ...errors import Fault
    from ...plan import SettingEntry
    from ..workspace import Workspace


def config(
    manifest: Annotated[
        Path | None,
        typer.Argument(
            metavar="[MANIFEST]",
            help="Show the settings of a session of this manifest.",
            show_default=False,
            autocompletion=complete_manifest,
        ),
    ] = None,
    as_json: JsonOption = False,
    check: Annotated[
        bool,
        typer.Option(
            "--check", help="Print faults only; also check the files and interpreters that are set."
        ),
    ] = False,
    settings: ConfigOption = None,
    sources: NodesOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Show every setting, its value, and its source.

    A manifest overrides the environment and runtime.toml; these override the defaults. Exit status:
    0 valid, 2 not valid.
    """
    import os

    from ...config import http_access, server_access
    from ...plan import check_executors, known_executors, setting_entries
    from ..terminal import error_console, errors_reported, print_json, stdout_for_results
    from ..workspace import open_workspace

    with errors_reported(error_console(), verbose=verbose):
        with stdout_for_results(), open_workspace(settings, sources) as workspace:
            executors = known_executors(workspace.config.executors)
            check_executors(workspace.config.routing, executors)
            access = server_access(workspace.config.server, os.environ)
            http_access(workspace.config.http, os.environ)
            plan = workspace.plan(manifest) if manifest is not None else None
            if check:
                _check_environment(workspace)
                return
        effective = plan.settings if plan is not None else None
        entries = list(setting_entries(workspace.config, effective, os.environ))
        if as_json:
            print_json(_as_json(entries))
        else:
            _print_table(entries, tokens=len(access.tokens))


def _as_json(entries: "Iterable[SettingEntry]") -> dict[str, object]:
    return {
        entry.key: {"value": entry.value, "source": entry.source, "note": entry.note}
        for entry in entries
    }


def _print_table(entries: "Iterable[SettingEntry]", *, tokens: int) -> None:
    from ..tables import print_settings
    from ..terminal import output_console

    console = output_console()
    print_settings(console, entries)
    if tokens:
        console.print(f"\nbearer tokens: {tokens} (not shown)", style="dim")


def _check_environment(workspace: "Workspace") -> None:
    from ...errors import ConfigError
    from ...plan import faults_of_named, known_executors

    config = workspace.config
    executors = known_executors(config.executors)
    named = faults_of_named(config, workspace.catalogue, workspace.describer, executors)
    faults = [*_environment_faults(config), *_pipeline_faults(workspace), *named]
    if faults:
        raise ConfigError(faults)


def _environment_faults(config: "RuntimeConfig") -> "Iterator[Fault]":
    """Yield the faults of the files, programs and keys that the settings name."""
    import os

    import trio

    from ...config import model_endpoints, remote_access
    from ...errors import ConfigError, Fault
    from ...execution.process import Interpreters
    from ...plan import DisabledExecutor, declaration_of, known_executors, settings_of

    settings = config.multiprocess
    programs = {"multiprocess.python_executable": settings.python_executable} | {
        f"multiprocess.allowed_python_executables[{index}]": name
        for index, name in enumerate(settings.allowed_python_executables)
    }
    interpreters = Interpreters()
    for key, name in programs.items():
        fault = trio.run(interpreters.fault, name) if name is not None else ""
        if fault:
            yield Fault(key, f"{name}: {fault}")
    folders = {"files.roots": config.files.roots} | {
        "media.output_folders": config.media.output_folders
    }
    for key, names in folders.items():
        for index, name in enumerate(names):
            if not Path(name).is_dir():
                yield Fault(f"{key}[{index}]", f"{name}: there is no such folder")
    hosts = config.executors.remote.hosts
    of_servers = ("tls_certificate", "tls_key", "tls_client_ca")
    files = {
        f"{table}.{key}": getattr(section, key)
        for table, section in (("server", config.server), ("http", config.http))
        for key in of_servers
    } | {f"executors.remote.hosts.{name}.tls_ca": host.tls_ca for name, host in hosts.items()}
    for key, file in files.items():
        if file is not None and not Path(file).is_file():
            yield Fault(key, f"{file}: there is no such file")
    executors = known_executors(config.executors)
    for name, found in executors.items():
        if isinstance(found, DisabledExecutor):
            continue
        try:
            settings_of(name, declaration_of(found), config.executors)
        except ConfigError as error:
            yield from error.faults
    try:
        model_endpoints(config.models, os.environ)
    except ConfigError as error:
        yield from error.faults
    try:
        remote_access(hosts, os.environ)
    except ConfigError as error:
        yield from error.faults


def _pipeline_faults(workspace: "Workspace") -> "Iterator[Fault]":
    """Yield the faults of the named pipelines."""
    from ...errors import Fault, ManifestError

    for name, file in workspace.config.pipelines.items():
        try:
            workspace.plan(Path(file))
        except ManifestError as error:
            yield Fault(f"pipelines.{name}", f"{file}: {error}")
