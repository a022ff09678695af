"""What a forkserver runs once, so that its node processes find it done.

Code that has run is specialized by the interpreter, and types that were decoded have their tables:
all that is memory which a node process would write, and so have a page of its own for, and time.
"""

import socket

import trio

from actors import Actor, Context, Json, NoParams

from ...links import BlockingWaiting, Inbox, Interrupt, Item, LocalQueue, Output
from ..actor_loop import ActorLoop
from .batch_sender import BatchSender
from .control_messages import Hops
from .control_socket import ControlSocket
from .messages import ProgressReport, Ready
from .statistics_push import StatisticsPush, of_process

_ROUNDS = 20


class _Nothing(Actor[NoParams]):
    """Emit what comes."""

    def process(self, item: Json) -> Json:
        return item


def warm_up() -> None:
    """Run one node of this process's own, without shared memory."""
    trio.run(_run_node)


async def _run_node() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for sock in (ours, theirs):
            sock.setblocking(False)
        request = Interrupt()
        try:
            waiting = BlockingWaiting([theirs.fileno(), request.fileno()])
            waiting.can_continue()
            context = Context("warm", "")
            inbox = Inbox()
            outbox = Inbox()
            source = _queue(inbox)
            output = Output([_queue(outbox)])
            actor = _Nothing(NoParams.model_validate_json(b"{}"), context=context)
            loop = ActorLoop(actor, context, inbox, output)
            control = ControlSocket(theirs)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(BatchSender(Hops, control.report, control.send).run)
                push = StatisticsPush(loop.statistics, trio.lowlevel.checkpoint)
                nursery.start_soon(push.run)
                await loop.initialize()
                for number in range(_ROUNDS):
                    Output([source]).try_send(Item(Json(number), number))
                await Output([source]).end()
                await loop.run()
                control.report(ProgressReport("loading_model", 0.5, ""))
                await control.send(Ready())
                of_process(loop.statistics, inbox, output, {})
                await loop.cleanup()
                nursery.cancel_scope.cancel()
        finally:
            request.close()


def _queue(inbox: Inbox) -> LocalQueue:
    return inbox.open_queue(capacity=_ROUNDS, capacity_bytes=_ROUNDS * 1024, drop_oldest=False)
