"""Runs the demo, from its options to its report."""

import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from rich.console import Console

from actors import Audio

from ...session import Runtime, open_runtime
from ..output_file import check_writable
from .answer_node import COMMANDS
from .conversation import Conversation, converse, in_chunks, synthesize, with_pauses
from .microphone import check_microphone, record
from .pipelines import NODE_TYPES, assistant_pipeline
from .recording import read_recording, write_recording
from .report import print_report
from .view import DemoView


async def run_demo(
    *,
    recording: Path | None = None,
    microphone_seconds: float | None = None,
    output: Path,
    realtime: bool = True,
    out: Console,
    err: Console,
) -> bool:
    """Run the demo.

    Args:
        recording: an audio file to recognize; None lets espeak-ng synthesize the commands.
        microphone_seconds: the time to record from the microphone, instead of a file.
        output: the WAV file for the answers.
        realtime: whether audio is sent no faster than it plays.
        out: for the report.
        err: for the live view.

    Returns:
        Whether every command was recognized word for word; for audio whose words are not known:
        whether any command was recognized.

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
        commands: Sequence[str] | None = None
        if microphone_seconds is not None:
            chunks = record(microphone_seconds)
        elif recording is not None:
            chunks = in_chunks(read_recording(recording), realtime=realtime)
        else:
            commands = COMMANDS
            err.print(f"espeak-ng synthesizes {len(commands)} commands ...", style="dim")
            spoken = with_pauses(await synthesize(runtime, commands))
            chunks = in_chunks(spoken, realtime=realtime)
        conversation = await _converse(runtime, chunks, err)
    if conversation.answers:
        write_recording(output, conversation.answers)
    succeeded = print_report(out, commands, conversation)
    if conversation.answers:
        out.print(f"the answers are in {output}")
    out.print(f"total time: {time.perf_counter() - began:.1f} s", style="dim")
    return succeeded


async def _converse(
    runtime: Runtime, chunks: AsyncGenerator[Audio, None], err: Console
) -> Conversation:
    with DemoView(err, runtime.plan(assistant_pipeline())) as view:
        return await converse(runtime, chunks, view)
