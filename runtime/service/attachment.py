"""One client's attachment to a session: its taps, its intercepts, and the events for it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

import trio

from actors import Bundle, Data, Json

from ..errors import CallerError, MillraceError
from ..events import InitProgress
from ..execution import NodeState
from ..links import Item, weight_bytes
from ..session import DEFAULT_DEADLINE_SECONDS, Session
from ..wire import (
    EMPTY_FRAME_MESSAGE,
    CloseReasonCode,
    ControlAddress,
    ControlDirection,
    ControlErrorCode,
    ControlEvent,
    ControlFrame,
    InterceptReply,
    InterceptRequest,
    Publish,
    SessionClosed,
    TapEvent,
)
from ..wire import NodeState as NodeStateNumber
from ..wire.conversion import buffer_of, items_of
from .attach_events import MOST_EVENTS, AttachEvents
from .attach_frames import FrameError, checked_port, converted, error_event, for_port
from .node_statistics import statistics_value
from .operator_call import OperatorCall

AttachCall = OperatorCall[ControlFrame, ControlEvent]

SYSTEM_NODE: Final = "__system__"
"""A reserved node: its output is the session's state and the progress of its initialization."""

PERFORMANCE_NODE: Final = "__perf__"
"""A reserved node: its output is the statistics of every node, once a second."""

BARGE_IN_PORT: Final = "barge_in"
"""An item for this port cancels the node's running call, and is not given to the node."""

# What a client receives at most in one message unless it is configured otherwise, less what the
# event takes beside the data.
_MOST_DATA_BYTES: Final = 4 * 1024 * 1024 - 64 * 1024
_MOST_PORTS_OF_NODE: Final = 64
# An intercept delays the session's own client: no attach may do that for longer.
_LONGEST_DEADLINE_SECONDS: Final = 10.0
_PERFORMANCE_SECONDS: Final = 1.0
_DETACH_SECONDS: Final = 5.0

_STATES: Final = {
    NodeStateNumber.ENABLED: NodeState.ENABLED,
    NodeStateNumber.BYPASS: NodeState.BYPASS,
    NodeStateNumber.DISABLED: NodeState.DISABLED,
}


@dataclass(eq=False, slots=True)
class _Question:
    """An output that waits for the client's reply."""

    decision: Data | None
    answered: trio.Event = field(default_factory=trio.Event)


class Attachment:
    """Carries out one client's frames, and sends it the events, until either side ends."""

    delay_seconds: Final = 0.0  # what a client subscribes to is shown at once

    def __init__(self, call: AttachCall, session: Session) -> None:
        self._call = call
        self._session = session
        self._bus = session.bus
        self._events = AttachEvents(session.bus)
        self._missed: Counter[str] = Counter()
        self._closed: SessionClosed | None = None
        self._ports: dict[str, list[str]] = {}
        self._intercepts: dict[str, object] = {}
        self._questions: dict[int, _Question] = {}

    async def run(self) -> None:
        """Run until the client half-closes or goes away, or the session ends."""
        self._bus.add_receiver(self)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._carry_out_frames, nursery.cancel_scope)
                nursery.start_soon(self._send_performance)
                await self._send_events()
                nursery.cancel_scope.cancel()
        finally:
            self._bus.remove_receiver(self)
            self._events.close()
            with trio.move_on_after(_DETACH_SECONDS, shield=True):
                await self._detach()

    def put(self, item: Item, missed: int, _time_ns: int) -> None:
        """Add an output of a tapped node; count it as missed where the client reads too slowly."""
        node = item.source
        self._missed[node] += missed
        for port in self._ports.get(node, ()):
            for data in _outputs_at(item.data, port):
                self._put_tapped(node, port, data)

    def put_missed(self, node_id: str, missed: int) -> None:
        """Count outputs of a tapped node that were missed."""
        self._missed[node_id] += missed

    def put_progress(self, progress: InitProgress) -> None:
        """Add a report of a node's initialization, where the client has subscribed to them."""
        if SYSTEM_NODE in self._ports:
            value = {
                "event": "init_progress",
                "node_id": progress.node_id,
                "status": progress.status,
                "progress": progress.fraction,
                "message": progress.message,
            }
            self._put_tapped(SYSTEM_NODE, "", Json(value))

    def close(self, error: MillraceError | None) -> None:
        """End the attach: the session has ended."""
        if error is None:
            self._closed = SessionClosed(reason=CloseReasonCode.NORMAL)
        else:
            self._closed = SessionClosed(reason=CloseReasonCode.ERROR, detail=str(error))
        self._events.wake()

    async def _carry_out_frames(self, scope: trio.CancelScope) -> None:
        while (frame := await self._call.receive()) is not None:
            try:
                await self._carry_out(frame)
            except FrameError as error:
                self._events.put(error.event)
            except CallerError as error:
                self._events.put(error_event(ControlErrorCode.INTERNAL, str(error)))
        scope.cancel()

    async def _carry_out(self, frame: ControlFrame) -> None:
        if frame.subscribe is not None:
            node, port = self._output_address(frame.subscribe.addr)
            await self._subscribe(node, port)
        elif frame.unsubscribe is not None:
            await self._unsubscribe(frame.unsubscribe.addr)
        elif frame.publish is not None:
            await self._publish(frame.publish)
        elif frame.intercept is not None:
            node, port = self._output_address(frame.intercept.addr)
            await self._intercept(node, port, frame.intercept.deadline_ms / 1000)
        elif frame.remove_intercept is not None:
            node, _ = self._output_address(frame.remove_intercept.addr)
            if node in self._intercepts:
                await self._bus.remove_intercept(node, self._intercepts.pop(node))
        elif frame.intercept_reply is not None:
            self._reply(frame.intercept_reply)
        elif frame.set_node_state is not None:
            node = self._with_state(frame.set_node_state.node_id)
            state = _STATES.get(frame.set_node_state.state)
            if state is None:
                number = int(frame.set_node_state.state)
                message = f"set_node_state: state {number} is not ENABLED, BYPASS or DISABLED"
                raise FrameError(ControlErrorCode.PROTOCOL, message)
            await self._bus.set_state(node, state)
        elif frame.clear_node_state is not None:
            node = self._with_state(frame.clear_node_state.node_id)
            await self._bus.set_state(node, NodeState.ENABLED)
        elif frame.hello is not None:
            raise FrameError(ControlErrorCode.PROTOCOL, "hello comes once, as the first frame")
        else:
            raise FrameError(ControlErrorCode.PROTOCOL, EMPTY_FRAME_MESSAGE)

    async def _subscribe(self, node: str, port: str) -> None:
        ports = self._ports.setdefault(node, [])
        if port not in ports:
            if len(ports) >= _MOST_PORTS_OF_NODE or not self._events.hold(len(port)):
                message = f"subscribe: too many ports; of one node {_MOST_PORTS_OF_NODE} at most"
                raise FrameError(ControlErrorCode.INVALID_ADDRESS, message)
            ports.append(port)
        if node == SYSTEM_NODE:
            state = {"event": "session_state", "state": self._session.state.value}
            self._put_tapped(SYSTEM_NODE, port, Json(state))
        elif node != PERFORMANCE_NODE:
            await self._bus.add_tap(node, self)

    async def _unsubscribe(self, address: ControlAddress | None) -> None:
        if address is None:
            return
        node = self._known(address.node_id, address)
        ports = self._ports.get(node, [])
        if address.port in ports:
            ports.remove(address.port)
            self._events.release(len(address.port))
        if not ports and self._ports.pop(node, None) is not None and not _is_reserved(node):
            await self._bus.remove_tap(node, self)

    async def _intercept(self, node: str, port: str, deadline_seconds: float) -> None:
        if _is_reserved(node):
            message = f"node {node!r} cannot be intercepted"
            raise FrameError(ControlErrorCode.INVALID_ADDRESS, message)
        deadline_seconds = min(deadline_seconds, _LONGEST_DEADLINE_SECONDS)

        async def decide(data: Data) -> Data | None:
            return await self._ask(node, port, data)

        self._intercepts[node] = await self._bus.set_intercept(
            node, decide, deadline_seconds or DEFAULT_DEADLINE_SECONDS
        )

    async def _ask(self, node: str, port: str, data: Data) -> Data | None:
        """Ask the client about an output; the caller has a deadline, and then passes it."""
        address = _address(node, port)
        if isinstance(data, Bundle) or weight_bytes(data) > _MOST_DATA_BYTES:
            message = f"an output of node {node!r} passed: it is a bundle, or longer than 4 MiB"
            self._events.put(error_event(ControlErrorCode.INTERNAL, message, address))
            return data
        number = self._bus.next_correlation_id()
        question = self._questions[number] = _Question(data)
        request = InterceptRequest(addr=address, correlation_id=number, data=buffer_of(data))
        try:
            if not self._events.put(ControlEvent(intercept_request=request), weight_bytes(data)):
                self._missed[node] += 1
                return data
            await question.answered.wait()
            return question.decision
        finally:
            del self._questions[number]

    def _reply(self, reply: InterceptReply) -> None:
        decision = reply.decision
        question = self._questions.get(reply.correlation_id)
        if decision is None or (
            decision.pass_ is None and decision.replace is None and decision.drop is None
        ):
            message = "intercept_reply carries no decision: expected pass, replace or drop"
            raise FrameError(ControlErrorCode.PROTOCOL, message)
        if question is None:
            return  # it came too late, or another attach was asked
        try:
            if decision.replace is not None:
                question.decision = converted(decision.replace, "intercept_reply", None)
            elif decision.drop is not None:
                question.decision = None
        finally:
            question.answered.set()

    async def _publish(self, publish: Publish) -> None:
        address = publish.addr
        if address is None or address.direction != ControlDirection.IN:
            message = "publish needs addr with direction IN"
            raise FrameError(ControlErrorCode.INVALID_ADDRESS, message, address)
        node = self._known(address.node_id, address)
        if _is_reserved(node):
            message = f"node {node!r} takes no items"
            raise FrameError(ControlErrorCode.INVALID_ADDRESS, message, address)
        if checked_port(address) == BARGE_IN_PORT:
            await self._bus.cancel_call(node)
            return
        if publish.data is None:
            message = "publish carries no data"
            raise FrameError(ControlErrorCode.INVALID_ADDRESS, message, address)
        data = converted(publish.data, "publish", address)
        if address.port:
            data = for_port(data, address)
        try:
            await self._session.publish(data, node=node)
        except CallerError as error:
            raise FrameError(ControlErrorCode.INTERNAL, str(error), address) from error

    def _output_address(self, address: ControlAddress | None) -> tuple[str, str]:
        if address is None or address.direction != ControlDirection.OUT:
            message = "the frame needs addr with direction OUT"
            raise FrameError(ControlErrorCode.INVALID_ADDRESS, message, address)
        return self._known(address.node_id, address), checked_port(address)

    def _with_state(self, node: str) -> str:
        if _is_reserved(node):
            message = f"node {node!r} has no state"
            raise FrameError(ControlErrorCode.UNKNOWN_NODE, message)
        return self._known(node, None)

    def _known(self, node: str, address: ControlAddress | None) -> str:
        if not _is_reserved(node) and not self._bus.has_node(node):
            message = f"the session has no node {node[:80]!r}"
            raise FrameError(ControlErrorCode.UNKNOWN_NODE, message, address)
        return node

    def _put_tapped(self, node: str, port: str, data: Data) -> None:
        weight = weight_bytes(data)
        if weight > _MOST_DATA_BYTES:
            message = f"an output of node {node!r} is not shown: it is longer than 4 MiB"
            self._events.put(error_event(ControlErrorCode.INTERNAL, message, _address(node, port)))
            return
        if len(self._events) >= MOST_EVENTS or not self._events.has_room(weight):
            self._missed[node] += 1
            return
        self._report_missed(node, port)
        tapped = TapEvent(addr=_address(node, port), data=buffer_of(data))
        if not self._events.put(ControlEvent(tap=tapped), weight):
            self._missed[node] += 1

    def _report_missed(self, node: str, port: str) -> None:
        missed = self._missed.pop(node, 0)
        if missed:
            message = f"{missed} outputs of node {node!r} were missed: this client reads too slowly"
            self._events.put(error_event(ControlErrorCode.INTERNAL, message, _address(node, port)))

    async def _send_events(self) -> None:
        """Send what waits, until the session has ended."""
        while True:
            while self._events:
                event, data_bytes = self._events.pop()
                await self._call.send(event)
                self._events.release(data_bytes)
            if self._closed is not None:
                for node in list(self._missed):
                    self._report_missed(node, "")
                while self._events:
                    await self._call.send(self._events.pop()[0])
                await self._call.send(ControlEvent(session_closed=self._closed))
                return
            await self._events.wait_changed()

    async def _send_performance(self) -> None:
        while True:
            await trio.sleep(_PERFORMANCE_SECONDS)
            if PERFORMANCE_NODE in self._ports:
                self._session.refresh_statistics()
                value = statistics_value(self._session)
                self._put_tapped(PERFORMANCE_NODE, "", Json(value))

    async def _detach(self) -> None:
        for node, token in self._intercepts.items():
            await self._bus.remove_intercept(node, token)
        await self._bus.forget_tap(self)


def _address(node: str, port: str) -> ControlAddress:
    return ControlAddress(node_id=node, port=port, direction=ControlDirection.OUT)


def _is_reserved(node: str) -> bool:
    return node in (SYSTEM_NODE, PERFORMANCE_NODE)


def _outputs_at(data: Data, port: str) -> list[Data]:
    """Return what an output is at a port: of a bundle, the member of that name."""
    if not port:
        return list(items_of(data))
    if isinstance(data, Bundle) and port in data.members:
        return [data.members[port]]
    return []
