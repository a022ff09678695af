"""`millrace run --watch`: the same command again, whenever a file of the pipeline changes."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import trio

from ..config import load_config
from ..errors import ConfigError
from .failures import CommandError

if TYPE_CHECKING:
    from rich.console import Console

_OPTION: Final = "--watch"


def run_again_and_again(
    manifest: Path, nodes: list[str], config: Path | None, console: "Console"
) -> None:
    """Run this command without --watch; end it and run it anew at every change, until Ctrl-C.

    A new process each time: nothing of an older version of a module is left.

    Raises:
        CommandError: the library that watches files is not installed, or there is nothing to watch.
    """
    try:
        from watchfiles import PythonFilter, awatch
    except ModuleNotFoundError as error:
        raise CommandError(
            '--watch needs watchfiles: pip install "millrace-runtime[watch]"'
        ) from error
    watched = list(_watched(manifest, nodes, config))
    extensions = (".json", ".yaml", ".yml", ".toml")

    async def main() -> None:
        changes = awatch(
            *watched, watch_filter=PythonFilter(extra_extensions=extensions), debounce=200
        )
        async with trio.open_nursery() as nursery:
            scope = await nursery.start(_run)
            async for change in changes:
                names = ", ".join(sorted({Path(path).name for _, path in change}))
                console.print(f"{names} changed: running again", style="dim")
                scope.cancel()
                scope = await nursery.start(_run)

    try:
        trio.run(main)
    except BaseExceptionGroup as group:
        if group.split(KeyboardInterrupt)[1] is not None:
            raise
        raise KeyboardInterrupt from None


async def _run(  # noqa: ASYNC114 (its caller awaits its start)
    task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Run the command until it ends, or the scope that is given back is cancelled."""
    arguments = [each for each in sys.argv[1:] if each != _OPTION]
    with trio.CancelScope() as scope:
        task_status.started(scope)
        await trio.run_process(
            # -P: no file of the current folder is imported in place of a module of ours.
            [sys.executable, "-P", "-m", "runtime", *arguments],
            stdin=None,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            check=False,
            deliver_cancel=_terminate,
        )


async def _terminate(process: trio.Process) -> None:
    # It ends its nodes itself, within their grace, and the new one waits for that.
    process.send_signal(signal.SIGTERM)
    await process.wait()


def _watched(manifest: Path, nodes: list[str], config: Path | None) -> Iterator[Path]:
    """Yield the files and folders to watch; the rest is what the run itself finds wrong."""
    try:
        sources = load_config(config).catalogue.paths
    except ConfigError:
        sources = ()
    yield manifest.parent
    for each in (*sources, *nodes):
        name, separator, target = each.partition("=")
        module = target.rpartition(":")[0].removesuffix(".py").replace(".", os.sep)
        candidates = (Path(f"{module}.py"), Path(module)) if separator else (Path(name),)
        yield from (path for path in candidates if path.exists())
