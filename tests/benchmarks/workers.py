"""Throughput of one and of two server processes on one port: `millrace serve --workers`."""

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Final

import psutil

from .report import Report, median
from .workers_client import SIZE

TURNS: Final = 7
# Clients in Python are slower than the server: one process of them would be the bottleneck.
CLIENTS: Final = 2
STREAMS: Final = 4
# The pipeline of native nodes, and the chunks of a stream in a turn.
LOADS: Final = {1: 600, 64: 60}
_LISTENING: Final = re.compile(r"listening on \S+:(\d+);")


class Clients:
    """The client processes of one server."""

    def __init__(self, stack: ExitStack, port: int, workers: int, nodes: int) -> None:
        script = [sys.executable, "-m", f"{__package__}.workers_client"]
        numbers = map(str, (port, workers, nodes, STREAMS))
        command = [*script, *numbers]
        self._processes = [
            stack.enter_context(
                subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
                )
            )
            for _ in range(CLIENTS)
        ]
        self._await("ready")

    def run(self, count: int) -> None:
        """Send so many chunks on every stream, and wait for the results."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write(f"{count}\n")
        self._await("done")

    def _await(self, line: str) -> None:
        for process in self._processes:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{line}\n"


@contextmanager
def serving(workers: int) -> Iterator[tuple[int, psutil.Process]]:
    """Run `millrace serve`; yield the port and its process."""
    command = [sys.executable, "-m", "runtime", "serve", "--bind", "127.0.0.1:0"]
    with subprocess.Popen(
        [*command, "--workers", str(workers)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        port = next(int(m[1]) for line in process.stderr if (m := _LISTENING.search(line)))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield port, psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)


def cpu_seconds(process: psutil.Process) -> float:
    """Return the processor time of the server's processes."""
    found = [process, *process.children(recursive=True)]
    return sum(sum(each.cpu_times()[:2]) for each in found)


def turn(process: psutil.Process, clients: Clients, count: int) -> tuple[float, float]:
    """Run all streams together; return messages a second, and the server's us for each."""
    before, began = cpu_seconds(process), time.perf_counter()
    clients.run(count)
    took = time.perf_counter() - began
    total = count * CLIENTS * STREAMS
    return total / took, (cpu_seconds(process) - before) / total * 1e6


def main() -> None:
    """Run the measurement."""
    report = Report(
        "workers",
        f"{CLIENTS * STREAMS} streams of {SIZE} B chunks to one and to two workers",
        ("", "1: msg/s", "2: msg/s", "2 / 1", "1: CPU us", "2: CPU us"),
    )
    with serving(1) as (one, one_process), serving(2) as (two, two_process):
        for nodes, count in LOADS.items():
            with ExitStack() as stack:
                first, second = Clients(stack, one, 1, nodes), Clients(stack, two, 2, nodes)
                turns = [
                    (turn(one_process, first, count), turn(two_process, second, count))
                    for _ in range(TURNS)
                ]
            report.add(
                f"{nodes} native nodes",
                one_rate=median(one[0] for one, _ in turns),
                two_rate=median(two[0] for _, two in turns),
                ratio=median(two[0] / one[0] for one, two in turns),
                one_cpu=median(one[1] for one, _ in turns),
                two_cpu=median(two[1] for _, two in turns),
            )
    report.show()


if __name__ == "__main__":
    main()
