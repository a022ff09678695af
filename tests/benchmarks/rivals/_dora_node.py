"""A node of a dora dataflow: dora runs this file."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from dora import Node

WARM_ROUNDS = 5


def hand_on(node: Node) -> None:
    """Forward every message until the input ends."""
    for event in node:
        if event["type"] == "INPUT":
            node.send_output("out", event["value"])


def received(node: Node) -> Any:
    """Return the next message."""
    return next(event["value"] for event in node if event["type"] == "INPUT")


def measure(node: Node, size: int, rounds: int, file: Path) -> None:
    """Send and wait for the echo, repeatedly; write the microseconds to a file."""
    payload = pa.array(np.zeros(size, np.uint8))
    times = []
    for _ in range(WARM_ROUNDS + rounds):
        began = time.perf_counter_ns()
        node.send_output("out", payload)
        array = received(node)
        times.append((time.perf_counter_ns() - began) / 1e3)
        if len(array) != size:
            sys.exit(f"{len(array)} of {size} bytes came back")
    file.write_text(json.dumps(times[WARM_ROUNDS:]))


def main(role: str, *arguments: str) -> None:
    """Run one node."""
    node = Node()
    if role == "hand_on":
        hand_on(node)
    else:
        size, rounds, file = arguments
        measure(node, int(size), int(rounds), Path(file))


if __name__ == "__main__":
    main(*sys.argv[1:])
