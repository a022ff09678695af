"""The state of a session on its way to another server, through a client that must not change it."""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from ..errors import InputError, LimitError, PipelineError
from ..plan import Plan
from ..wire import StreamInit

_PURPOSE: Final = b"millrace session state 1\0"
_MAC_BYTES: Final = hashlib.sha256().digest_size
# A client moves within seconds. Servers' clocks may differ by minutes.
_LASTS_SECONDS: Final = 900
# What an envelope has beside the states: digests, and the ids of up to a thousand nodes.
_ENVELOPE_BYTES: Final = 1024 * 1024


class _Envelope(msgspec.Struct, frozen=True, array_like=True):
    """The states with what they are for.

    Attributes:
        until: in seconds since 1970.
        pipeline: a digest of the pipeline.
        owner: a digest of the client's token; None if it has none.
        states: by the ids of the nodes.
    """

    until: float
    pipeline: bytes
    owner: bytes | None
    states: dict[str, bytes]


class StateSeals:
    """Makes and checks the states of sessions that move between servers with the same key.

    A state is bound to its pipeline and to the client's token, and lasts for 15 minutes. It is
    signed, so that no client can make one up, and is not encrypted.

    Args:
        keys: the first one signs, all are accepted; without any, no session moves with its state.
        most_bytes: of the states of a session.
    """

    def __init__(self, keys: Sequence[bytes], most_bytes: int) -> None:
        self._keys = tuple(keys)
        self.most_bytes = most_bytes

    def may_move(self, plan: Plan) -> bool:
        """Return whether sessions of a plan may move with their states."""
        return bool(self._keys) and plan.moves_state

    def sealed(self, states: Mapping[str, bytes], plan: Plan, owner: bytes | None) -> bytes:
        """Return the states of a session for its client.

        Args:
            states: by the ids of the nodes.
            plan: of the session.
            owner: a digest of the client's token.

        Raises:
            LimitError: they are larger than the operator allows.
            PipelineError: a node has exported no state.
        """
        missing = sorted(set(plan.stateful) - states.keys())
        if missing:
            raise PipelineError(f"node {missing[0]!r} has exported no state; does its executor?")
        size = sum(map(len, states.values()))
        if size > self.most_bytes:
            raise LimitError(
                f"the states of the nodes have {size} bytes; a session may move with "
                f"{self.most_bytes} (limits.max_state_bytes)"
            )
        until = time.time() + _LASTS_SECONDS
        envelope = _Envelope(until, _digest_of(plan), owner, dict(states))
        body = msgspec.msgpack.encode(envelope)
        return _mac(self._keys[0], body) + body

    def opened(self, data: bytes, plan: Plan, owner: bytes | None) -> Mapping[str, bytes]:
        """Return the states that `sealed` has made.

        Raises:
            InputError: no server with one of these keys has made it, it is too old, or of another
                pipeline or client.
            LimitError: it is larger than the operator allows.
        """
        if len(data) > self.most_bytes + _ENVELOPE_BYTES:
            raise LimitError(
                f"a state of {len(data)} bytes; a session may move with {self.most_bytes} "
                "(limits.max_state_bytes)"
            )
        mac, body = data[:_MAC_BYTES], data[_MAC_BYTES:]
        # All are compared, so that the time does not depend on which key it is.
        if not sum(hmac.compare_digest(mac, _mac(key, body)) for key in self._keys):
            raise InputError(
                "the state was not made by a server with one of the keys of this one "
                "(server.state_key_file), or was changed"
            )
        envelope = msgspec.msgpack.decode(body, type=_Envelope)
        if envelope.pipeline != _digest_of(plan) or envelope.owner != owner:
            raise InputError("the state is of another pipeline, or of a client with another token")
        if envelope.until < time.time():
            raise InputError("the state is too old: open the stream without it")
        return envelope.states


def check_resumable(init: StreamInit, plan: Plan, seals: StateSeals) -> None:
    """Check that a session can go on with the state of another one.

    Raises:
        InputError: it cannot, here or at all.
    """
    if not seals.may_move(plan):
        reason = "this server has no server.state_key_file"
        if not plan.moves_state:
            named = next(iter(plan.staying), None)
            reason = (
                "no node has a state"
                if named is None
                else f"node {named!r} does not export its state"
            )
        raise InputError(f"init has resumes, but {reason}")
    if init.data_inputs:
        raise InputError("init has resumes and data_inputs; leave data_inputs out")


def _mac(key: bytes, body: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + body, "sha256")


def _digest_of(plan: Plan) -> bytes:
    """Return a digest of what the states depend on: the nodes with their params, and the graph."""
    nodes = [
        [node.node_id, node.node_type.name, dict(node.params), list(node.inputs)]
        for node in sorted(plan.nodes, key=lambda node: node.node_id)
    ]
    return hashlib.sha256(json.dumps(nodes, sort_keys=True).encode()).digest()
