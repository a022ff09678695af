"""`millrace demo`: from the options to the report."""

import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from rich.console import Console

from actors import Audio

from ...session import Runtime, open_runtime
from .answers import COMMANDS
from .assistant import Outcome, converse, in_real_time, speak, with_pauses
from .microphone import check_microphone, listen
from .pipeline import NODE_TYPES, assistant_pipeline
from .recording import check_writable, read_recording, write_recording
from .view import View, print_report


async def run_demo(
    *,
    recording: Path | None = None,
    microphone_seconds: float | None = None,
    output: Path,
    real_time: bool = True,
    out: Console,
    err: Console,
) -> bool:
    """Run the demonstration.

    Args:
        recording: what the assistant hears; None lets espeak-ng speak the commands.
        microphone_seconds: listen to the microphone for so long instead.
        output: the WAV file for the answers.
        real_time: feed the audio at the pace at which it sounds.
        out: where the report goes.
        err: where the live view goes.

    Returns:
        Whether every command was understood word for word; of a recording: whether any was.

    Raises:
        MillraceError: the pipeline failed.
        CallerError: a file cannot be read or written, or there is no microphone; nothing was
            started.
    """
    began = time.perf_counter()
    check_writable(output)
    if microphone_seconds is not None:
        check_microphone()
    async with open_runtime(node_types=NODE_TYPES) as runtime:
        said: Sequence[str] | None = None
        if microphone_seconds is not None:
            chunks = listen(microphone_seconds)
        elif recording is not None:
            chunks = in_real_time(read_recording(recording), pace=float(real_time))
        else:
            said = COMMANDS
            err.print(f"espeak-ng speaks {len(said)} commands ...", style="dim")
            spoken = with_pauses(await speak(runtime, said))
            chunks = in_real_time(spoken, pace=float(real_time))
        outcome = await _converse(runtime, chunks, err)
    if outcome.answers:
        write_recording(output, outcome.answers)
    succeeded = print_report(out, said, outcome)
    if outcome.answers:
        out.print(f"the answers are in {output}", highlight=False)
    out.print(f"{time.perf_counter() - began:.1f} s in all", highlight=False, style="dim")
    return succeeded


async def _converse(runtime: Runtime, chunks: AsyncGenerator[Audio, None], err: Console) -> Outcome:
    with View(err, runtime.plan(assistant_pipeline())) as view:
        return await converse(runtime, chunks, view)
