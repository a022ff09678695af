"""`millrace run --watch`: runs the same command again when a file of the pipeline changes."""

import os
import signal
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from ...config import load_config
from ...errors import ConfigError
from ..errors import CommandError
from .blocking import interruptible
from .stop_signals import stopped_by_signals

if TYPE_CHECKING:
    from rich.console import Console
    from watchfiles.main import FileChange

_OPTION: Final = "--watch"
_SUFFIXES: Final = (".json", ".yaml", ".yml", ".toml")
# An editor writes a file in several steps; the change is complete when nothing follows for a while.
_SETTLED_MS: Final = 200


def run_on_changes(
    manifest: Path, sources: list[str], settings: Path | None, console: "Console"
) -> None:
    """Run this command without --watch, and run it again at every change, until a signal.

    Each run is a new process, so that no old version of a module is left.

    Args:
        manifest: it and the other files of its folder are watched.
        sources: the node types of --nodes.
        settings: the settings file of --config.
        console: for messages.

    Raises:
        CommandError: watchfiles is not installed.
        StoppedError: SIGINT or SIGTERM stopped the command.
    """
    try:
        from watchfiles import PythonFilter, awatch
    except ModuleNotFoundError as error:
        raise CommandError(
            '--watch needs watchfiles: pip install "millrace-runtime[watch]"'
        ) from error

    async def main() -> None:
        stop = trio.Event()
        changes = awatch(
            *_watched(manifest, sources, settings),
            watch_filter=PythonFilter(extra_extensions=_SUFFIXES),
            debounce=_SETTLED_MS,
            stop_event=stop,
        )
        async with stopped_by_signals(_ignore), interruptible(stop.set), aclosing(changes):
            await _run_again_at(changes, console)

    trio.run(main)


async def _run_again_at(
    changes: "AsyncGenerator[set[FileChange], None]", console: "Console"
) -> None:
    """Run the command; at each change, end it and run it again."""
    while True:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_run)
            change = await anext(changes, None)
            if change is not None:
                names = ", ".join(sorted({Path(path).name for _, path in change}))
                console.print(f"{names} changed: running again", style="dim")
                # The nursery waits for the end of the process: the next one may write the same
                # files.
                nursery.cancel_scope.cancel()
        if change is None:  # a signal stops the command
            return


async def _run() -> None:
    """Run the command until it ends, or until this is cancelled."""
    arguments = [each for each in sys.argv[1:] if each != _OPTION]
    await trio.run_process(
        # -P: no file of the current folder is imported in place of an installed module.
        [sys.executable, "-P", "-m", "runtime", *arguments],
        stdin=None,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        check=False,
        deliver_cancel=_terminate,
    )


async def _terminate(process: trio.Process) -> None:
    # The command terminates its node processes itself, within their grace period.
    process.send_signal(signal.SIGTERM)
    await process.wait()


def _ignore() -> None:
    """Print nothing: the command that runs prints what a signal does."""


def _watched(manifest: Path, sources: list[str], settings: Path | None) -> Iterator[Path]:
    """Yield the files and folders to watch; what is missing is an error of the run itself."""
    try:
        paths = load_config(settings).catalogue.paths
    except ConfigError:
        paths = ()
    yield manifest.parent
    for each in (*paths, *sources):
        name, separator, target = each.partition("=")
        module = target.rpartition(":")[0].removesuffix(".py").replace(".", os.sep)
        candidates = (Path(f"{module}.py"), Path(module)) if separator else (Path(name),)
        yield from (path for path in candidates if path.exists())
