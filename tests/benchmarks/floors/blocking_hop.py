"""Two processes that block on the doorbell, without an event loop: one way, from one to the other.

`python -m ... [BYTES] [ROUNDS] [CORE CORE]` prints the time of every hop in microseconds, as JSON:
from the moment the first process has its payload to the moment the second can read it.

A third process, this one, takes the part of inlet and outlet of a pipeline: it sends an item to
the first, and waits in trio for the answer of the second. So both sleep as long between two hops,
and share the processor's caches as much, as the nodes of a pipeline do.

With two cores given, the first process and this one stay on the one, the second on the other.
"""

import json
import os
import socket
import subprocess
import sys
import time

import numpy as np
import trio

from ._memory import Ends, private_prefix

WARM_ROUNDS = 100


def produce(prefix: str, size: int, ear: socket.socket, bell: socket.socket) -> None:
    """Run the first process: for every item, publish a payload with the time in it."""
    ends = Ends(prefix, publish="hop", subscribe="ask")
    payload = np.zeros(max(size, 8), np.uint8)
    stamp = payload[:8].view(np.uint64)
    ear.send(b".")
    while ear.recv(4096):
        while ends.receive() is not None:
            stamp[0] = time.monotonic_ns()
            ends.send(payload)
            bell.send(b".")


def consume(prefix: str, ear: socket.socket, bell: socket.socket) -> None:
    """Run the second process: publish how old each payload is."""
    ends = Ends(prefix, publish="tell", subscribe="hop")
    bell.send(b".")
    answer = np.zeros(8, np.uint8)
    age = answer.view(np.uint64)
    while ear.recv(4096):
        while (stamp := ends.peek()) is not None:
            age[0] = time.monotonic_ns() - stamp
            ends.send(answer)
            bell.send(b".")


async def pace(prefix: str, bell: socket.socket, ear: socket.socket, rounds: int) -> list[float]:
    """Run the third process: request one hop after the other; return the microseconds of each."""
    ends = Ends(prefix, publish="ask", subscribe="tell")
    times = []
    question = np.zeros(8, np.uint8)
    bell.recv(1)
    ear.recv(1)
    ear.setblocking(False)
    for _ in range(rounds):
        ends.send(question)
        bell.send(b".")
        while (age := ends.peek()) is None:
            await trio.lowlevel.wait_readable(ear)
            ear.recv(4096)
        times.append(age / 1e3)
    return times


def start(role: str, prefix: str, size: int, *sockets: socket.socket) -> subprocess.Popen[bytes]:
    """Start one of the two."""
    numbers = [sock.fileno() for sock in sockets]
    command = [sys.executable, "-m", __spec__.name, role, prefix, str(size), *map(str, numbers)]
    return subprocess.Popen(command, pass_fds=numbers)


def measure(prefix: str, size: int, rounds: int, cores: list[int]) -> list[float]:
    """Start both; return the microseconds of every hop."""
    ask, asked = socket.socketpair()
    bell, ear = socket.socketpair()
    hear, told = socket.socketpair()
    children = [
        start("produce", prefix, size, asked, bell),
        start("consume", prefix, size, ear, told),
    ]
    for sock in (asked, bell, ear, told):
        sock.close()
    for child, core in zip(children, cores, strict=False):
        os.sched_setaffinity(child.pid, {core})
    if cores:
        os.sched_setaffinity(0, {cores[0]})
    times = trio.run(pace, prefix, ask, hear, WARM_ROUNDS + rounds)
    ask.close()
    for child in children:
        child.wait()
    return times[WARM_ROUNDS:]


def main(size: int = 640, rounds: int = 1000, *cores: int) -> None:
    """Measure, and leave nothing behind."""
    with private_prefix() as prefix:
        print(json.dumps(measure(prefix, size, rounds, list(cores))))


if __name__ == "__main__":
    match sys.argv[1:]:
        case [("produce" | "consume") as role, prefix, size, first, second]:
            sockets = [socket.socket(fileno=int(number)) for number in (first, second)]
            if role == "produce":
                produce(prefix, int(size), *sockets)
            else:
                consume(prefix, *sockets)
        case arguments:
            main(*map(int, arguments))
