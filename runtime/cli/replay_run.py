"""A replay, as `millrace replay` runs it."""

import math
from pathlib import Path

import trio

from ..recording import Recording, Replay, Tolerance
from ..recording import replay as replay_recording
from ..session import open_runtime
from .errors import CommandError
from .workspace import Workspace

_MAXIMUM = "max"


def replay_factor(speed: str) -> float | None:
    """Return the speed of a replay; None for as fast as possible.

    Raises:
        CommandError: it is no positive number.
    """
    if speed == _MAXIMUM:
        return None
    try:
        factor = float(speed)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise CommandError(f"--speed {speed}: expected a positive number, or max")
    return factor


def run_replay(
    workspace: Workspace,
    recording: Recording,
    manifest: Path | None,
    *,
    node: str | None,
    speed: float | None,
    tolerance: float,
) -> Replay:
    """Run a replay with the settings and node types of the command line.

    Raises:
        MillraceError: the recording or the manifest is not valid.
    """

    async def run() -> Replay:
        async with open_runtime(workspace.config) as runtime:
            return await replay_recording(
                runtime,
                recording,
                manifest,
                node=node,
                speed=speed,
                tolerance=Tolerance(relative=tolerance),
            )

    return trio.run(run)
