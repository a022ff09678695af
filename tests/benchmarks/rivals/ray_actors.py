"""Three actors of Ray, called one after the other; the payload stays in its object store."""

import json
import sys
import time
from typing import Any

import numpy as np
import ray

ACTORS = 3
WARM_ROUNDS = 5


@ray.remote
class HandOn:
    """One actor."""

    def call(self, array: Any) -> Any:
        """Return what came."""
        return array


def main(size: int, rounds: int) -> None:
    """Measure."""
    ray.init(num_cpus=ACTORS, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    actors = [HandOn.remote() for _ in range(ACTORS)]
    payload = np.zeros(size, np.uint8)
    times = []
    for _ in range(WARM_ROUNDS + rounds):
        began = time.perf_counter_ns()
        result: Any = payload
        for actor in actors:
            result = actor.call.remote(result)
        ray.get(result)
        times.append((time.perf_counter_ns() - began) / 1e3)
    ray.shutdown()
    print(json.dumps(times[WARM_ROUNDS:]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
