"""The life of a node: progress, errors, kills, control messages, statistics, the end."""

import os
import signal
from collections.abc import Awaitable, Callable
from typing import Final

import trio
import trio.testing

from actors import CancelSpeculation, Control, Json, Text

from ...errors import HookError, NodeError
from ...session import Session
from .subject import Broken, Subject, require, run_through

_SECONDS: Final = 60.0


async def progress_comes_before_ready(subject: Subject) -> None:
    """What `initialize` reports reaches the session."""
    async with subject.probe() as session:
        with trio.fail_after(_SECONDS):
            seen = [(each.fraction, each.message) async for each in session.progress()]
            await session.wait_ready()
    require((0.5, "half of it") in seen, f"the progress was {seen}")


async def an_error_of_each_hook_names_hook_and_node(subject: Subject) -> None:
    """And carries the traceback of the actor."""
    for hook in ("initialize", "process", "flush", "cleanup"):
        error = await _error_of(subject, hook, {"fails_in": hook}, _use)
        require(isinstance(error, HookError), f"{hook}: the error is {error!r}")
        assert isinstance(error, HookError)
        require(error.node_id == "n0", f"{hook}: the error names {error.node_id!r}")
        require(error.hook == hook, f"{hook}: the error is of {error.hook}")
        require("always fails" in error.stack_trace, f"{hook}: no traceback")


async def a_killed_process_ends_the_session_in_every_phase(subject: Subject) -> None:
    """Of nodes with a process on this machine: the error names the node."""
    for phase in ("initialize", "idle", "process", "flush", "cleanup"):
        params: dict[str, str] = {}
        if phase in ("initialize", "flush", "cleanup"):
            params["hangs_in"] = phase

        async def kill(session: Session, phase: str = phase) -> None:
            await _reach(session, phase)
            pids = session.processes()
            if not pids:
                raise _NoProcess
            os.kill(pids["n0"], signal.SIGKILL)
            await trio.sleep_forever()

        try:
            error = await _error_of(subject, phase, params, kill)
        except _NoProcess:
            return
        require(error.node_id == "n0", f"{phase}: the error names {error.node_id!r}: {error}")


class _NoProcess(Exception):  # noqa: N818 (it ends a check)
    """The node has no process on this machine that could be killed."""


async def _reach(session: Session, phase: str) -> None:
    """Let the node come to a phase."""
    if phase == "initialize":
        async for report in session.progress():
            if report.message == "half of it":
                return
    await session.wait_ready()
    await session.send(Json(0))
    await session.receive()
    if phase == "process":
        await session.send(Text("hang"))
    elif phase in ("flush", "cleanup"):
        await session.close_input()


async def _use(session: Session) -> None:
    await run_through(session, [Json(0)])


async def _error_of(
    subject: Subject,
    what: str,
    params: dict[str, str],
    use: Callable[[Session], Awaitable[None]],
) -> NodeError:
    with trio.move_on_after(_SECONDS):
        try:
            async with subject.probe(**params) as session:
                await use(session)
        except NodeError as error:
            return error
        raise Broken(f"{what}: the session ended without an error")
    raise Broken(f"{what}: the session did not end within {_SECONDS:g} s")


async def an_interruption_cancels_what_runs_and_drops_what_waits(subject: Subject) -> None:
    """A control message overtakes the items; what comes later is processed."""
    nodes = {"n0": ("Probe", {"process_seconds": 30.0})}
    async with subject.open(nodes) as session:
        await session.wait_ready()
        for number in range(5):
            await session.send(Json(number), timestamp_ms=100 + number)
        with trio.fail_after(20):  # less than one call lasts
            await session.send(Control(CancelSpeculation(100, 200)))
            result = await session.receive()
    require(isinstance(result.data, Control), f"the first result is {result.data!r}")


async def an_interruption_overtakes_what_waits_for_room(subject: Subject) -> None:
    """A control message reaches a busy node, past more items than the links have room for."""
    nodes = {"n0": ("Probe", {"process_seconds": 30.0})}
    async with (
        subject.open(nodes, channel_capacity=2) as session,
        trio.open_nursery() as nursery,
    ):
        await session.wait_ready()

        async def send() -> None:
            for number in range(30):
                await session.send(Json(number), timestamp_ms=100 + number)

        nursery.start_soon(send)
        await trio.testing.wait_all_tasks_blocked(0.1)  # until the links are full
        with trio.fail_after(20):  # less than one call lasts
            await session.send(Control(CancelSpeculation(100, 200)))
            result = await session.receive()
        nursery.cancel_scope.cancel()
    require(isinstance(result.data, Control), f"the first result is {result.data!r}")


async def a_node_is_told_of_control_messages(subject: Subject) -> None:
    """Before the items that follow."""
    async with subject.open({"n0": ("ControlWatcher", {})}) as session:
        await session.send(Json(0))
        await session.send(Control(CancelSpeculation(1, 2)))
        await session.send(Json(1))
        await session.close_input()
        found = [each.data async for each in session if isinstance(each.data, Json)]
    # The message overtakes the items: the first may know of it too.
    require(len(found) == 2 and found[1] == Json(["CancelSpeculation"]), f"it was told {found}")


async def statistics_count_what_passed(subject: Subject) -> None:
    """Of the node, and of its links."""
    async with subject.chain([subject.name, subject.name]) as session:
        await run_through(session, [Json(number) for number in range(20)])
        found = session.statistics()
        counts = session.counts()
    for node in ("n0", "n1"):
        passed = found[node].items_in, found[node].items_out
        require(passed == (20, 20), f"{node} counts {passed}")
        links = found[node].received.items, found[node].sent.items
        require(links == (20, 20), f"the links of {node} count {links}")
        require(found[node].processing.count == 20, f"{node} timed not every call")
    require(counts["items_out"] == 20, f"the session counts {counts}")


async def a_tap_sees_what_a_node_emits(subject: Subject) -> None:
    """In order, and with its time of entry."""
    async with subject.chain([subject.name]) as session:
        await session.wait_ready()
        async with session.tap("n0") as outputs:
            for number in range(5):
                await session.send(Json(number))
            with trio.fail_after(_SECONDS):
                seen = [await outputs.receive() for _ in range(5)]
    require([each.data for each in seen] == [Json(n) for n in range(5)], "outputs are missing")
    late = [each.latency_seconds for each in seen]
    require(all(0 < seconds < _SECONDS for seconds in late), f"latencies are {late}")


async def a_cancelled_session_leaves_no_process(subject: Subject) -> None:
    """Also if its node is in the middle of a call."""
    async with subject.probe() as session:
        await session.wait_ready()
        await session.send(Text("hang"))
        pids = list(session.processes().values())
    left = [pid for pid in pids if _is_alive(pid)]
    require(not left, f"processes are left: {left}")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


CHECKS: Final = (
    progress_comes_before_ready,
    an_error_of_each_hook_names_hook_and_node,
    a_killed_process_ends_the_session_in_every_phase,
    an_interruption_cancels_what_runs_and_drops_what_waits,
    an_interruption_overtakes_what_waits_for_room,
    a_node_is_told_of_control_messages,
    statistics_count_what_passed,
    a_tap_sees_what_a_node_emits,
    a_cancelled_session_leaves_no_process,
)
