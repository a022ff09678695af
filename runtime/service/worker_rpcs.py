"""The rpcs of a worker: what reaches the sessions of others, and what others may call."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import betterproto2

from ..wire import (
    ATTACH,
    EXPLAIN_SESSION,
    KILL_SESSION,
    LIST_SESSIONS,
    WATCH_ITEMS,
    WATCH_SESSION,
    ControlEvent,
)
from ..wire.codec import Codec
from ..wire.operations import (
    ExplainSessionResponse,
    KillSessionResponse,
    ListSessionsResponse,
    WatchItemsResponse,
    WatchServerRequest,
    WatchServerResponse,
    WatchSessionResponse,
)
from .call_runner import Rpc
from .operations import OperationsService
from .passed_calls import PassedCalls, PassedRpc
from .passing_on import PassingOn
from .peers import Peers
from .server_state import ServerState
from .watching import WatchingService
from .worker_snapshots import SNAPSHOTS

# Of a session: by path, the class of the responses.
_OF_A_SESSION: Final[Mapping[str, type[betterproto2.Message]]] = {
    ATTACH: ControlEvent,
    KILL_SESSION: KillSessionResponse,
    WATCH_ITEMS: WatchItemsResponse,
    WATCH_SESSION: WatchSessionResponse,
    EXPLAIN_SESSION: ExplainSessionResponse,
}


def rpcs_of_all_workers(
    rpcs: Mapping[str, Rpc],
    operations: OperationsService,
    peers: Peers,
    codec: Codec,
    server_state: ServerState,
) -> dict[str, Rpc]:
    """Return the rpcs of a worker for clients: they reach the sessions of all workers.

    Args:
        rpcs: those of a server that is one process, by path.
        operations: has the sessions of this worker.
        peers: the other workers.
        codec: of the messages.
        server_state: ends calls that are passed on.
    """
    passing = PassingOn(peers, codec, server_state)
    changed: dict[str, Any] = {
        path: passing.to_owner(path, rpcs[path].handler, response_type)  # type: ignore[arg-type]
        for path, response_type in _OF_A_SESSION.items()
    }
    changed[LIST_SESSIONS] = partial(passing.list_sessions, own=operations.own_sessions)
    return {
        path: replace(rpc, handler=changed[path]) if path in changed else rpc
        for path, rpc in rpcs.items()
    }


def passed_calls(
    rpcs: Mapping[str, Rpc], watching: WatchingService, codec: Codec, peers: Peers
) -> PassedCalls:
    """Return what answers the calls of other workers, about the sessions of this one only.

    Args:
        rpcs: those of a server that is one process, by path.
        watching: sends other workers snapshots.
        codec: of the messages.
        peers: the other workers.
    """
    codec.prepare(ListSessionsResponse)
    codec.prepare(WatchServerResponse)
    for response_type in _OF_A_SESSION.values():
        codec.prepare(response_type)
    passed = {
        path: PassedRpc(rpcs[path].handler, rpcs[path].request_type)  # type: ignore[arg-type]
        for path in (*_OF_A_SESSION, LIST_SESSIONS)
    }
    passed[SNAPSHOTS] = PassedRpc(watching.answer_workers, WatchServerRequest)
    return PassedCalls(passed, codec, peers)
