"""Three actors of Ray in a compiled graph, whose channels are made once.

A channel is a few slots of shared memory. The payload is copied into one by the caller and by
every actor; the receiver has a view. A slot is written again only when no view of it is left.
"""

import json
import sys
import time

import numpy as np
import ray
from ray.dag import InputNode
from ray.dag.context import DAGContext

from ._ray_node import ACTORS, actors

# Enough to write every slot once.
WARM_ROUNDS = 20
# Bytes of a slot beside the payload. A message that does not fit recreates every channel.
HEADROOM_BYTES = 64 * 1024
# Ray 2.60 does not always wake an actor to say that its channels are closed; it then kills it.
TEARDOWN_SECONDS = 1


def main(size: int, rounds: int, count: int = ACTORS) -> None:
    """Measure with so many actors."""
    DAGContext.get_current().teardown_timeout = TEARDOWN_SECONDS
    payload = np.zeros(size, np.uint8)
    times = []
    with actors(count) as chain:
        with InputNode() as entry:
            exit_ = entry
            for actor in chain:
                exit_ = actor.call.bind(exit_)
        graph = exit_.experimental_compile(_buffer_size_bytes=size + HEADROOM_BYTES)
        for _ in range(WARM_ROUNDS + rounds):
            began = time.perf_counter_ns()
            ray.get(graph.execute(payload))
            times.append((time.perf_counter_ns() - began) / 1e3)
        graph.teardown(kill_actors=True)
    print(json.dumps(times[WARM_ROUNDS:]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
