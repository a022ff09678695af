"""Sends the inputs of a recording through a pipeline again, and compares its outputs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import trio

from actors import Data

from ..errors import MillraceError, sole_error
from ..manifest import ManifestSource
from ..session import Runtime, Session, TappedOutput, TapQueue
from .differences import EXACT, Difference, Tolerance, differences
from .errors import RecordingError
from .items import RecordedItem, Side
from .recording import Recording

# A replay compares everything, so its tap may miss nothing.
_UNBOUNDED: Final = 2**62


@dataclass(frozen=True, slots=True)
class NodeReplay:
    """What one node emitted, then and now.

    Attributes:
        recorded, new: the outputs.
        recorded_seconds, new_seconds: of each output, the time since its chunk entered.
        differences: of the outputs.
    """

    node_id: str
    recorded: Sequence[Data]
    new: Sequence[Data]
    recorded_seconds: Sequence[float]
    new_seconds: Sequence[float]
    differences: Sequence[Difference]


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that has ended.

    Attributes:
        nodes: every node that was recorded, and that the pipeline has.
        error: that ended the session; None if it did not fail.
    """

    nodes: Sequence[NodeReplay] = field(default_factory=tuple)
    error: MillraceError | None = None

    @property
    def differences(self) -> list[Difference]:
        """The differences of all nodes."""
        return [each for node in self.nodes for each in node.differences]


async def replay(
    runtime: Runtime,
    recording: Recording,
    manifest: ManifestSource | None = None,
    *,
    node: str | None = None,
    speed: float | None = None,
    tolerance: Tolerance = EXACT,
) -> Replay:
    """Send the recorded inputs through a pipeline, and compare what its nodes emit.

    Args:
        runtime: runs the pipeline.
        recording: the recording.
        manifest: another pipeline; None is the recorded one.
        node: run only this node, with what it received; None runs the whole pipeline.
        speed: 1 sends each input as late as it was recorded, 2 twice as fast; None sends them as
            fast as the pipeline takes them.
        tolerance: how far numbers may differ.

    Raises:
        RecordingError: the recording is damaged, or lacks what the node received; or a source of
            the pipeline generates items.
        ManifestError: the pipeline is not valid here.
    """
    source: ManifestSource = recording.manifest if manifest is None else manifest
    inputs = recording.inputs()
    if node is not None:
        source = manifest_of_node(recording, node)
        inputs = recording.received(node)
    plan = runtime.plan(source)
    if plan.generating:
        names = ", ".join(plan.generating)
        raise RecordingError(
            f"the sources {names} generate items, and would run again; replay one node, with "
            "--node, of a recording with --record-all"
        )
    known = [str(each.node_id) for each in plan.nodes]
    recorded: dict[str, list[RecordedItem]] = {}
    for item in recording:
        if item.side is Side.OUTPUT and item.node_id in known:
            recorded.setdefault(item.node_id, []).append(item)
    tap = TapQueue(capacity=_UNBOUNDED, capacity_bytes=_UNBOUNDED)
    error: MillraceError | None = None
    try:
        async with runtime.open_session(plan) as session:
            for each in recorded:
                await session.bus.add_tap(each, tap)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_send, session, inputs, node, speed)
                async for _ in session:
                    pass
    except MillraceError as raised:
        error = raised
    except BaseExceptionGroup as group:
        raised_error = sole_error(group)
        if not isinstance(raised_error, MillraceError):
            raise
        error = raised_error
    new: dict[str, list[TappedOutput]] = {each: [] for each in recorded}
    async for output in tap:
        new[output.node_id].append(output)
    nodes = [
        NodeReplay(
            each,
            [item.data for item in items],
            [output.data for output in new[each]],
            [item.latency_seconds for item in items],
            [output.latency_seconds for output in new[each]],
            differences(
                each,
                [item.data for item in items],
                [output.data for output in new[each]],
                tolerance,
            ),
        )
        for each, items in recorded.items()
    ]
    return Replay(nodes, error)


async def _send(
    session: Session, inputs: Sequence[RecordedItem], node: str | None, speed: float | None
) -> None:
    await session.wait_ready()
    began = trio.current_time()
    for item in inputs:
        if speed is not None:
            late_seconds = (item.time_ns - inputs[0].time_ns) / 1e9 / speed
            await trio.sleep_until(began + late_seconds)
        await session.send(
            item.data,
            node=node or item.node_id,
            sequence=item.sequence,
            timestamp_ms=item.timestamp_ms,
        )
    await session.close_input()


def manifest_of_node(recording: Recording, node: str) -> Mapping[str, Any]:
    """Return a manifest of just one node of a recorded pipeline.

    Raises:
        RecordingError: the pipeline has no such node.
    """
    manifest = recording.manifest
    wanted = recording.node(node)
    metadata = dict(manifest["metadata"])
    multiprocess = dict(metadata.get("multiprocess", {}))
    overrides = multiprocess.get("executor_overrides", {})
    multiprocess["executor_overrides"] = {k: v for k, v in overrides.items() if k == node}
    metadata["multiprocess"] = multiprocess
    return {**manifest, "metadata": metadata, "nodes": [wanted], "connections": []}
