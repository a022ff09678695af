"""Three processes joined by queues of multiprocessing."""

import json
import multiprocessing
import sys
import time
from multiprocessing.queues import Queue
from typing import Any

import numpy as np

PROCESSES = 3
WARM_ROUNDS = 5


def hand_on(incoming: "Queue[Any]", outgoing: "Queue[Any]") -> None:
    """Run one process."""
    while (array := incoming.get()) is not None:
        outgoing.put(array)


def main(size: int, rounds: int) -> None:
    """Measure."""
    context = multiprocessing.get_context("spawn")
    queues: list[Queue[Any]] = [context.Queue(100) for _ in range(PROCESSES + 1)]
    processes = [
        context.Process(target=hand_on, args=(queues[n], queues[n + 1])) for n in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    payload = np.zeros(size, np.uint8)
    times = []
    for _ in range(WARM_ROUNDS + rounds):
        began = time.perf_counter_ns()
        queues[0].put(payload)
        queues[-1].get()
        times.append((time.perf_counter_ns() - began) / 1e3)
    for queue, process in zip(queues, processes, strict=False):
        queue.put(None)
        process.join()
    print(json.dumps(times[WARM_ROUNDS:]))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
