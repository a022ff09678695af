"""One random session, checked from its first chunk to its last result."""

import hashlib
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import grpc

from tests.service.grpcio_client import Client
from tests.service.messages import chunk, control, error_name, init, make, pipeline

_MOST_SECONDS: Final = 90.0
_SIZES: Final = (1, 100, 4000, 64_000, 300_000)
# A killed node, a full /dev/shm or a limit: what the disturbances may lead to, and nothing else.
ALLOWED_ERRORS: Final = {"NODE_EXECUTION", "RESOURCE_LIMIT"}


class WrongOutcomeError(Exception):
    """A session that did neither give the right results nor the right error."""


@dataclass
class Figures:
    """What all sessions of a run came to."""

    outcomes: dict[str, int] = field(default_factory=dict)
    results: int = 0
    payload_bytes: int = 0
    longest_seconds: float = 0.0

    def add(self, outcome: str, results: int, size: int, seconds: float) -> None:
        """Add one session."""
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        self.results += results
        self.payload_bytes += size
        self.longest_seconds = max(self.longest_seconds, seconds)


def run_session(client: Client, chance: random.Random, figures: Figures) -> None:
    """Run one session.

    Raises:
        WrongOutcomeError: a result is wrong, missing, doubled or out of order, or the error is of
            another kind than the disturbances lead to.
    """
    began = time.monotonic()
    names = [f"n{number}" for number in range(chance.randint(1, 3))]
    places = {name: chance.choice(["native", "multiprocess"]) for name in names}
    manifest = pipeline(
        dict.fromkeys(names, "PassThrough"),
        [f"{one} > {other}" for one, other in pairwise(names)],
        places=places,
    )
    payloads = [chance.randbytes(chance.choice(_SIZES)) for _ in range(chance.randint(1, 60))]
    how = chance.choice(["close", "close", "close", "slow", "disconnect", "cancel"])
    stop_after = chance.randint(0, len(payloads)) if how in ("disconnect", "cancel") else -1
    expected = [hashlib.sha256(each).digest() for each in payloads]
    received = 0

    def requests() -> Iterator[Any]:
        yield init(manifest)
        for sequence, payload in enumerate(payloads):
            buffer = make("DataBuffer", binary=make("BinaryBuffer", data=payload))
            yield chunk(buffer, sequence, node=names[0])
            if how == "cancel" and sequence == stop_after:
                yield control("CANCEL")
                return
        yield control("CLOSE")

    ended = ""
    stream = client.stream(*requests(), timeout=_MOST_SECONDS)
    with stream:
        try:
            for response in stream:
                kind = response.WhichOneof("response")
                if kind == "result":
                    _check(response.result, names[-1], received, expected)
                    received += 1
                    if how == "slow":
                        time.sleep(chance.choice([0, 0.005, 0.02]))
                    if how == "disconnect" and received >= stop_after:
                        ended = "disconnected"
                        break
                elif kind == "error":
                    ended = _ending_of(response.error)
                elif kind == "closed":
                    ended = "closed"
        except grpc.RpcError as error:
            raise WrongOutcomeError(f"{how}: {error.code()}: {error.details()}") from error
    if ended == "closed" and how in ("close", "slow", "disconnect") and received < len(expected):
        raise WrongOutcomeError(f"{how}: closed with {received} of {len(expected)} results")
    if not ended:
        raise WrongOutcomeError(f"{how}: the stream ended without closed or an error")
    outcome = "cancelled" if how == "cancel" and ended == "closed" else ended
    size = sum(map(len, payloads[:received]))
    figures.add(outcome, received, size, time.monotonic() - began)


def _check(result: Any, sink: str, received: int, expected: list[bytes]) -> None:
    if result.sequence != received:
        raise WrongOutcomeError(f"result {result.sequence}, where {received} was next")
    data = result.data_outputs[sink].binary.data
    if hashlib.sha256(data).digest() != expected[received]:
        raise WrongOutcomeError(f"result {received} has other bytes than its chunk")


def _ending_of(error: Any) -> str:
    name = error_name(error)
    if name not in ALLOWED_ERRORS:
        raise WrongOutcomeError(f"{name}: {error.failing_node_id}: {error.message}")
    return f"error {name}"
