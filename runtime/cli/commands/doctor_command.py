"""`millrace doctor`: whether this machine is ready for a server."""

from typing import TYPE_CHECKING, Annotated

import typer

from .options import ConfigOption, JsonOption, VerboseOption

if TYPE_CHECKING:
    from pathlib import Path

    from ..doctor import Subject


def doctor(
    as_json: JsonOption = False,
    settings: ConfigOption = None,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="ADDRESS",
            help="Check the Ray cluster at this address too, or that of this machine: auto.",
        ),
    ] = None,
    verbose: VerboseOption = False,
) -> None:
    """Check this machine: shared memory, limits, cores, extras, leftovers, clock.

    Run it as the user, and in the container or service, in which the server runs: limits are those
    of this process. It needs no server, starts nothing and changes nothing; only with --ray, it
    starts a worker on each node of the cluster for a moment. Exit status: 0 no error (warnings do
    not count), 1 an error.
    """
    from ..doctor import State, check_cluster, examined
    from ..errors import FAILED
    from ..tables import print_findings
    from ..terminal import error_console, errors_reported, output_console, print_json

    with errors_reported(error_console(), verbose=verbose):
        subject = _subject(settings)
        findings = list(examined(subject))
        if ray is not None:
            findings += check_cluster("" if ray == "auto" else ray, subject)
        failed = any(finding.state is State.ERROR for finding in findings)
        if as_json:
            checks = [finding.as_json() for finding in findings]
            print_json({"ok": not failed, "checks": checks})
        else:
            print_findings(output_console(), findings)
    if failed:
        raise typer.Exit(FAILED)


def _subject(settings: "Path | None") -> "Subject":
    from pathlib import Path

    from ...config import DEFAULT_NAME, RuntimeConfig, load_config
    from ...errors import ConfigError
    from ..doctor import Subject

    try:
        config = load_config(settings)
    except ConfigError as error:
        return Subject(RuntimeConfig(), tuple(map(str, error.faults)))
    default = DEFAULT_NAME if Path(DEFAULT_NAME).exists() else ""
    return Subject(config, settings_file=default if settings is None else str(settings))
