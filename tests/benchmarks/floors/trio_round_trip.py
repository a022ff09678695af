"""Two processes in trio, iceoryx2 for the payload, a byte on a socketpair to wake: a round trip.

`python -m ... [BYTES] [ROUNDS]` prints the time of every round in microseconds, as JSON.
"""

import json
import socket
import subprocess
import sys
import time

import numpy as np
import trio

from ._memory import Ends, private_prefix

WARM_ROUNDS = 100


async def receive(ends: Ends, bell: socket.socket) -> object:
    """Wait on the doorbell until there is a sample."""
    while True:
        array = ends.receive()
        if array is not None:
            return array
        await trio.lowlevel.wait_readable(bell)
        try:
            rung = bell.recv(4096)
        except ConnectionResetError:
            rung = b""
        if not rung:
            raise EOFError


async def echo(prefix: str, bell: socket.socket) -> None:
    """Run the child process."""
    ends = Ends(prefix, publish="back", subscribe="there")
    bell.send(b".")
    try:
        while True:
            ends.send(await receive(ends, bell))
            bell.send(b".")
    except EOFError:
        return


async def ask(prefix: str, bell: socket.socket, size: int, rounds: int) -> list[float]:
    """Run the server process; return the microseconds of every round."""
    ends = Ends(prefix, publish="there", subscribe="back")
    payload = np.zeros(size, np.uint8)
    await trio.lowlevel.wait_readable(bell)
    bell.recv(1)
    times = []
    for _ in range(WARM_ROUNDS + rounds):
        began = time.perf_counter_ns()
        ends.send(payload)
        bell.send(b".")
        await receive(ends, bell)
        times.append((time.perf_counter_ns() - began) / 1e3)
    return times[WARM_ROUNDS:]


def main(size: int = 1024, rounds: int = 1000) -> None:
    """Start the child and measure."""
    ours, theirs = socket.socketpair()
    with private_prefix() as prefix:
        command = [sys.executable, "-m", __spec__.name, "echo", prefix, str(theirs.fileno())]
        child = subprocess.Popen(command, pass_fds=[theirs.fileno()])
        theirs.close()
        ours.setblocking(False)
        print(json.dumps(trio.run(ask, prefix, ours, size, rounds)))
        ours.close()
        child.wait()


if __name__ == "__main__":
    if sys.argv[1:2] == ["echo"]:
        trio.run(echo, sys.argv[2], socket.socket(fileno=int(sys.argv[3])))
    else:
        main(*map(int, sys.argv[1:]))
