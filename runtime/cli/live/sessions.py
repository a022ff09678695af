"""The sessions of a running server."""

from collections.abc import Sequence
from typing import Any, Final

from ...client import RemoteRuntime
from ...wire.operations import NodeInfo, SessionInfo
from ..errors import CommandError
from ..server_target import ServerTarget

LAST: Final = "last"
"""Stands for the session that was opened last."""


async def list_sessions(server: ServerTarget) -> Sequence[SessionInfo]:
    """Return the sessions that are open.

    Raises:
        MillraceError: the call failed, or the token is no admin token.
    """
    async with server.connect() as runtime:
        return await runtime.sessions()


async def kill_session(server: ServerTarget, session: str, reason: str) -> str:
    """End a session; return its id.

    Raises:
        MillraceError: the call failed, or there is no such session.
    """
    async with server.connect() as runtime:
        session_id = await resolved(runtime, session)
        await runtime.kill_session(session_id, reason)
        return session_id


async def resolved(runtime: RemoteRuntime, session: str) -> str:
    """Return the id of a session that the command line names.

    Raises:
        CommandError: it is "last", and no session is open.
    """
    if session != LAST:
        return session
    sessions = await runtime.sessions()
    if not sessions:
        raise CommandError("no session is open on the server")
    return sessions[-1].session_id


def session_value(session: SessionInfo) -> dict[str, Any]:
    """Return a session as a JSON value."""
    return {
        "session_id": session.session_id,
        "pipeline": session.pipeline,
        "state": session.state,
        "peer": session.peer,
        "opened_ms": session.opened_ms,
        "waiting_items": session.waiting_items,
        "dropped_items": session.dropped_items,
        "nodes": list(map(_node_value, session.nodes)),
    }


def _node_value(node: NodeInfo) -> dict[str, Any]:
    return {
        "node_id": node.node_id,
        "node_type": node.node_type,
        "executor": node.executor,
        "process_id": node.process_id,
        "state": node.state,
        "items_in": node.items_in,
        "items_out": node.items_out,
        "p50_ms": round(node.p50_ms, 3),
        "p99_ms": round(node.p99_ms, 3),
    }
