"""One part of a pipeline on another host: its stream, and what stands for its nodes here."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from actors import Bundle, Control, Data, File, Progress

from ..errors import (
    Fault,
    InitTimeoutError,
    LimitError,
    ManifestError,
    MillraceError,
    NodeError,
    SessionClosedError,
    UnreachableError,
    UnwrappedErrors,
    printable,
)
from ..events import Result
from ..links import (
    ControlLane,
    Item,
    LocalEnds,
    Notice,
    is_reserved,
    is_start_signal,
    name_of,
    named,
    number_of_barrier,
    unnamed,
)
from ..plan import RemotePart
from ..tracing import traceparent_of
from .chunk_window import ChunkWindow
from .contract import NodeTask
from .remote_control import BorderControl
from .remote_counts import node_reports

if TYPE_CHECKING:
    from ..client import RemoteRuntime, RemoteStream

GetClient = Callable[[str], Awaitable["RemoteRuntime"]]
"""Returns the connection to a host by the operator's name of it."""

# In the metadata of a control message there: its name here.
_NAME_KEY: Final = "remote.name"
# Chunks that may be on their way, and whose time of entry is known when their results come.
_MOST_ENTRIES: Final = 4096
# Control messages of nodes there, which come back from each node that is read here.
_MOST_ANNOUNCED: Final = 256


class RunningPart:
    """Runs a part as one session of its host.

    Each of its nodes has a task here, with the links to nodes that run elsewhere: what comes in is
    sent to the node there, and results of the node there go out.
    """

    def __init__(self, plan: RemotePart) -> None:
        self._plan = plan
        self._tasks: dict[str, NodeTask] = {}
        self._complete = trio.Event()

    def join(self, task: NodeTask) -> None:
        """Take in the task of one of the nodes."""
        self._tasks[task.node_id] = task
        if len(self._tasks) == len(self._plan.members):
            self._complete.set()

    async def run(self, get_client: GetClient) -> None:
        """Run the part to the end of its stream, when all nodes have joined.

        Raises:
            NodeError: a node failed there, or the host cannot be reached.
            LimitError: a limit of the host is reached.
        """
        await self._complete.wait()
        seconds = min(task.init_timeout_seconds for task in self._tasks.values())
        try:
            with (
                UnwrappedErrors(),
                trio.CancelScope(deadline=trio.current_time() + seconds) as opening,
            ):
                client = await get_client(self._plan.host)
                window = ChunkWindow(next(iter(self._tasks.values())).wiring.bounds.capacity)
                async with client.stream(
                    self._plan.manifest,
                    on_taken=window.note_taken,
                    taken_interval=window.interval,
                    traceparent=self._traceparent(),
                ) as stream:
                    await self._become_ready(stream)
                    opening.deadline = math.inf
                    if not stream.reports_taken:
                        window.most = math.inf
                    await PartStream(self._plan, self._tasks, stream, window).run()
            if opening.cancelled_caught:
                raise InitTimeoutError(self._plan.members[0], seconds)
        except MillraceError as error:
            raise self._error_here(error) from None
        for task in self._tasks.values():
            await task.local_ends().output.end()
            task.done.set()

    def _traceparent(self) -> str | None:
        if (trace := next(iter(self._tasks.values())).trace) is None:
            return None
        return traceparent_of(trace.trace_id, trace.span_id, is_sampled=True)

    async def _become_ready(self, stream: "RemoteStream") -> None:
        async for report in stream.progress():
            task = self._tasks.get(report.node_id)
            # What another server says is checked, since clients read it.
            if task is not None and report.status in ("starting", "loading_model"):
                fraction = report.fraction if 0 <= report.fraction <= 1 else 0.0
                task.report(Progress(report.status, fraction, printable(report.message)))
        await stream.wait_ready()
        for task in self._tasks.values():
            task.is_ready()

    def _error_here(self, error: MillraceError) -> MillraceError:
        """Return an error of the host as one of this session, which names node and host."""
        node = error.node_id if error.node_id in self._tasks else str(self._plan.members[0])
        host = self._plan.address
        if isinstance(error, NodeError):
            error.message = f"on {host}: {error.message}"
            error.args = (f"node {node!r}: {error.message}",)
            error.node_id = node
            return error
        if isinstance(error, UnreachableError):
            return NodeError(node, f"its host is not available: {error}")
        if isinstance(error, ManifestError):
            faults = [Fault(f"on {host}: {each.where}", each.message) for each in error.faults]
            return ManifestError(faults)
        text = f"on {host}: {str(error).removeprefix(f'{host}: ')}"
        if isinstance(error, LimitError):
            return LimitError(text, node_id=node, stack_trace=error.stack_trace)
        return NodeError(node, text, stack_trace=error.stack_trace)


class PartStream:
    """The stream of a part that is ready."""

    def __init__(
        self,
        plan: RemotePart,
        tasks: dict[str, NodeTask],
        stream: "RemoteStream",
        window: ChunkWindow,
    ) -> None:
        self._plan = plan
        self._tasks = tasks
        self._stream = stream
        self._entered: OrderedDict[int, int] = OrderedDict()
        self._announced: OrderedDict[bytes, str] = OrderedDict()
        self._count = 0
        self._feeding = len(tasks)
        self._sinks = plan.sinks
        self._window = window
        ends = {node: task.local_ends() for node, task in tasks.items()}
        inboxes = [each.inbox for each in ends.values()]
        self._controls = {
            str(node): BorderControl(ends[node].output, inboxes) for node in self._sinks
        }

    async def run(self) -> None:
        """Send what comes in here, and pass on the results, until the end of the stream.

        Raises:
            MillraceError: the stream failed.
            PeerError: a node here that it is linked to is gone.
        """
        async with trio.open_nursery() as nursery:
            for task in self._tasks.values():
                feeder = Feeder(self, task, frozenset(self._tasks), nursery)
                task.control = feeder.notify
                nursery.start_soon(feeder.run)
                task.controllable(self._controls.get(task.node_id))
            try:
                await self._pass_on_results()
            finally:
                for task in self._tasks.values():
                    task.controllable(None)
                    task.refresh()
                    task.forget_node()
                self._count_inside()
            nursery.cancel_scope.cancel()

    def dropped_of(self, node: str) -> int:
        """Return what the session there has dropped; the part's first node counts it here."""
        return self._window.dropped if node == self._plan.members[0] else 0

    async def wait_for_room(self) -> None:
        """Wait until another item may be on its way."""
        await self._window.wait_for_room()

    async def send(self, item: Item, data: Data, node: str) -> None:
        """Send an item to a node there."""
        self._window.sent += 1
        for control in self._controls.values():
            control.note_sent(item)
        if item.entered_ns:
            self._entered[item.sequence] = item.entered_ns
            if len(self._entered) > _MOST_ENTRIES:
                self._entered.popitem(last=False)
        try:
            await self._stream.send(
                data, node=node, sequence=item.sequence, timestamp_ms=item.timestamp_ms
            )
        except SessionClosedError:
            await trio.sleep_forever()  # the end of the results has the reason

    async def end_one(self) -> None:
        """Note that one node here has no more input; after the last one, close the stream's."""
        self._feeding -= 1
        if not self._feeding:
            await self._stream.close()

    async def _pass_on_results(self) -> None:
        while True:
            result = await self._stream.receive()
            if result is None:
                break
            task = self._tasks.get(result.node_id) if result.node_id in self._sinks else None
            if task is None:
                message = f"sent a result of {printable(result.node_id)!r}, which has none"
                raise NodeError(str(self._plan.members[0]), message)
            item = self._item_of(result, task)
            control = self._controls[result.node_id]
            control.note_result(result.latency_seconds)
            output = control.output
            if not output.try_send(item):
                await output.send(item)
            task.statistics.items_out += 1
            # All that the host took for it, since that is one step for this session.
            task.statistics.processing.add(result.latency_seconds)
        if self._feeding:
            message = (
                "its session ended before its input did; the host shuts down, or its operator "
            )
            raise NodeError(str(self._plan.members[0]), message + "ended the session")

    def _count_inside(self) -> None:
        """Count what passed between nodes there, as the host reports it at the end."""
        closed = self._stream.closed
        if closed is None or closed.final_metrics is None:
            return
        reports = node_reports(closed.final_metrics.node_metrics)
        for node, task in self._tasks.items():
            if node in reports:
                reports[node].count_in(task.statistics, sees_outputs=node in self._sinks)

    def _item_of(self, result: Result, task: NodeTask) -> Item:
        data = result.data
        if isinstance(data, Control):
            data = self._control_here(data, task)
        elif _has_path(data):
            message = "returned the path of a file, which is none of this host; let it return the "
            raise NodeError(task.node_id, message + "content")
        return Item(
            data,
            result.sequence,
            result.node_id,
            result.timestamp_ms,
            self._entered.get(result.sequence, 0),
        )

    def _control_here(self, control: Control, task: NodeTask) -> Control:
        """Return a control message that has come back, or that a node there has emitted."""
        if is_reserved(control):
            raise NodeError(task.node_id, "sent a control message with keys of the runtime")
        name = control.metadata.get(_NAME_KEY)
        if name is not None:
            return named(control.without_metadata(_NAME_KEY), name)
        if control.message is None:
            return control
        key = msgspec.msgpack.encode(Notice.of(control, ""))
        name = self._announced.get(key)
        if name is None:
            self._count += 1
            # Not a number alone: those are the names of the session's own messages.
            name = f"{self._plan.members[0]}@{self._plan.address}:{self._count}"
            self._announced[key] = name
            if len(self._announced) > _MOST_ANNOUNCED:
                self._announced.popitem(last=False)
            task.announce(Notice.of(control, name))
        return named(control, name)


class Feeder:
    """Sends to one node there what comes in for it here, control messages ahead of the items.

    The number of copies of a message that it sends is the number that comes in: that many come out.
    """

    def __init__(
        self,
        stream: PartStream,
        task: NodeTask,
        inside: Collection[str],
        nursery: trio.Nursery,
    ) -> None:
        self._stream = stream
        self._task = task
        self._inside = inside
        self._nursery = nursery
        self._ends: LocalEnds = task.local_ends()
        self._lane = ControlLane()
        # By the name of a message that was sent ahead: it has not come in yet.
        self._ahead: dict[str, trio.Event] = {}
        self._arrived: deque[str] = deque(maxlen=_MOST_ANNOUNCED)
        task.refresh = partial(_refresh, task, self._ends, stream)

    async def run(self) -> None:
        """Send everything, to the end of what comes in."""
        inbox, task, lane = self._ends.inbox, self._task, self._lane
        statistics = task.statistics
        try:
            while True:
                item = inbox.try_receive() or await inbox.receive()
                data = item.data
                statistics.items_in += 1
                if isinstance(data, Control):
                    await self._send_control(item, data)
                elif not lane.is_idle and lane.drops(item.timestamp_ms, item.source):
                    statistics.cancelled += 1
                else:
                    await self._stream.wait_for_room()
                    if not lane.is_idle and lane.drops(item.timestamp_ms, item.source):
                        statistics.cancelled += 1
                    else:
                        await self._stream.send(item, data, task.node_id)
        except trio.EndOfChannel:
            await self._stream.end_one()

    def notify(self, notice: Notice) -> None:
        """Send a message ahead of the items that wait here, if it comes in over a link."""
        copies = {node: n for node, n in notice.copies.items() if node not in self._inside}
        if not copies:
            return  # the host tells its node
        self._lane.notify(msgspec.structs.replace(notice, copies=copies))
        self._lane.discard_pending()
        if notice.name in self._arrived:
            return
        self._ahead[notice.name] = trio.Event()
        item = Item(
            notice.control, timestamp_ms=notice.timestamp_ms, entered_ns=time.monotonic_ns()
        )
        self._nursery.start_soon(self._send_ahead, item, notice, self._ahead[notice.name])

    async def _send_control(self, item: Item, control: Control) -> None:
        if number_of_barrier(control) is not None or is_start_signal(control):
            return
        name = name_of(control)
        if name is None:
            await self._stream.send(item, control, self._task.node_id)
            return
        self._lane.record_arrival(name, item.source, control)
        self._lane.discard_pending()
        ahead = self._ahead.pop(name, None)
        if ahead is not None:
            await ahead.wait()  # what follows must not overtake it
            return
        self._arrived.append(name)
        await self._send_named(item, unnamed(control), name)

    async def _send_ahead(self, item: Item, notice: Notice, sent: trio.Event) -> None:
        await self._send_named(item, notice.control, notice.name)
        sent.set()

    async def _send_named(self, item: Item, control: Data, name: str) -> None:
        await self._stream.send(
            item, control.with_metadata(**{_NAME_KEY: name}), self._task.node_id
        )


def _has_path(data: Data) -> bool:
    members = data.members.values() if isinstance(data, Bundle) else (data,)
    return any(isinstance(each, File) and each.path for each in members)


def _refresh(task: NodeTask, ends: LocalEnds, stream: PartStream) -> None:
    task.statistics.received = ends.inbox.statistics()
    task.statistics.received.dropped += stream.dropped_of(task.node_id)
    task.statistics.received_from = ends.inbox.statistics_by_source()
    task.statistics.taken = ends.inbox.taken()
    task.statistics.sent = ends.output.statistics()
