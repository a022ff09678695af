"""Forks the processes of nodes that `behind_socket` starts: to import all for each takes 0.7 s."""

import json
import os
import select
import signal

import actors.nodes  # noqa: F401  (what its children need, before they are forked)
from runtime.socket_process import LinkSecret, run_node_behind_socket


def report(**message: object) -> None:
    """Write a line; short enough to be written whole."""
    os.write(1, json.dumps(message).encode() + b"\n")


def fork(number: int, secret: LinkSecret) -> int:
    """Fork the process of a node, and return its pid."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        os.close(0)
        status = run_node_behind_socket(
            secret, lambda address: report(number=number, pid=os.getpid(), address=address)
        )
    finally:
        os._exit(status)


def main() -> None:
    """Fork as often as it is asked to, and report who ends; end with the standard input."""
    woken, wake = os.pipe2(os.O_NONBLOCK)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    requests = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 (as long as this runs)
    numbers: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if 0 in ready:
            line = requests.readline()
            if not line:
                break
            request = json.loads(line)
            secret = LinkSecret(bytes.fromhex(request["secret"]))
            numbers[fork(request["number"], secret)] = request["number"]
        if woken in ready:
            os.read(woken, 4096)
        for pid in list(numbers):
            if os.waitpid(pid, os.WNOHANG)[0]:
                report(number=numbers.pop(pid), ended=True)
    for pid in numbers:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
