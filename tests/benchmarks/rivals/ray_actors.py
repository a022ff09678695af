"""Three actors of Ray, called one after the other.

The payload stays in the object store. The caller and every actor copy it in for the next one,
which has a view of the store.
"""

import json
import sys
import time
from typing import Any

import numpy as np
import ray

from ._ray_node import actors

WARM_ROUNDS = 5


def main(size: int, rounds: int) -> None:
    """Measure."""
    payload = np.zeros(size, np.uint8)
    times = []
    with actors() as chain:
        for _ in range(WARM_ROUNDS + rounds):
            began = time.perf_counter_ns()
            result: Any = payload
            for actor in chain:
                result = actor.call.remote(result)
            ray.get(result)
            times.append((time.perf_counter_ns() - began) / 1e3)
    print(json.dumps(times[WARM_ROUNDS:]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
