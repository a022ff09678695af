"""`python -m tests.chaos --minutes N`: disturb a server, check every session, print figures."""

import argparse
import random
import secrets
import sys
import threading
import time
from collections.abc import Iterable
from typing import Final

import psutil

from tests.chaos.disturbances import Disturbances
from tests.chaos.sessions import Figures, WrongOutcomeError, run_session
from tests.service.grpcio_client import connected
from tests.service.serve_process import ServeProcess, serve_process

_CLIENTS: Final = 6
_MOST_SHOWN: Final = 20
_TRACE_LINES: Final = 30
_SETTLE_SECONDS: Final = 30.0
# A /dev/shm of 64 MB that only the server sees.
_NAMESPACE: Final = (
    "unshare", "-m", "sh", "-c",
    'mount -t tmpfs -o size=64m tmpfs /dev/shm && exec "$@"', "sh",
)  # fmt: skip


def main() -> int:
    """Run for the time that was asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**32))
    parser.add_argument("--no-fills", action="store_true", help="leave /dev/shm alone")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    with serve_process(prefix=_NAMESPACE) as server:
        wrong = disturb(server, asked.seed, 60 * asked.minutes, fills=not asked.no_fills)
        was_running = server.is_running()
        status = server.stop()
        print(f"the server's exit status: {status}")
        if status or not was_running:
            wrong.insert(0, f"the server ended during the run, with status {status}")
        log = server.log()
    lines = log.splitlines()
    for number, line in enumerate(lines):
        if "Traceback" in line or "internal error" in line:
            wrong.append("\n".join(lines[number : number + _TRACE_LINES]))
    for each in wrong[:_MOST_SHOWN]:
        print(f"WRONG: {each}")
    print(f"wrong in all: {len(wrong)}")
    return 1 if wrong else 0


def disturb(server: ServeProcess, seed: int, seconds: float, *, fills: bool) -> list[str]:
    """Run sessions beside disturbances; print the figures, and return what went wrong."""
    process, figures, wrong, lock = (
        psutil.Process(server.pid),
        Figures(),
        [""][:0],
        threading.Lock(),
    )
    disturbances = Disturbances(server, random.Random(seed), fills=fills)
    ends = time.monotonic() + seconds
    with connected(f"127.0.0.1:{server.port}") as client:

        def work(number: int) -> None:
            chance = random.Random(f"{seed}-{number}")
            while time.monotonic() < ends and server.is_running():
                own = Figures()
                try:
                    run_session(client, chance, own)
                except WrongOutcomeError as error:
                    with lock:
                        wrong.append(str(error))
                with lock:
                    merge(figures, own)

        def memory() -> tuple[int, int]:
            if not server.is_running():
                return 0, 0
            return process.memory_info().rss >> 20, process.num_fds()

        run_session(client, random.Random(0), Figures())
        before = memory()
        stop = threading.Event()
        monkey = threading.Thread(target=disturbances.run, args=(stop,))
        workers = [threading.Thread(target=work, args=(number,)) for number in range(_CLIENTS)]
        for thread in (monkey, *workers):
            thread.start()
        for thread in workers:
            thread.join()
        stop.set()
        monkey.join()
        deadline = time.monotonic() + _SETTLE_SECONDS
        while (left := disturbances.segments()) and time.monotonic() < deadline:
            time.sleep(0.1)
        show(figures, disturbances.counts, before, memory(), left)
    return wrong


def merge(figures: Figures, own: Figures) -> None:
    """Add the figures of one session."""
    for outcome, count in own.outcomes.items():
        figures.outcomes[outcome] = figures.outcomes.get(outcome, 0) + count
    figures.results += own.results
    figures.payload_bytes += own.payload_bytes
    figures.longest_seconds = max(figures.longest_seconds, own.longest_seconds)


def show(
    figures: Figures,
    counts: dict[str, int],
    before: tuple[int, int],
    after: tuple[int, int],
    left: Iterable[str],
) -> None:
    """Print the figures."""
    outcomes = ", ".join(f"{count} {name}" for name, count in sorted(figures.outcomes.items()))
    print(f"sessions: {sum(figures.outcomes.values())} ({outcomes})")
    print(f"results: {figures.results}, {figures.payload_bytes >> 20} MiB hashed, all in order")
    print("disturbances: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    print(f"longest session: {figures.longest_seconds:.1f} s")
    print(f"server: {before[0]} to {after[0]} MiB, {before[1]} to {after[1]} descriptors")
    print(f"left in /dev/shm: {sorted(left) or 'nothing'}")


if __name__ == "__main__":
    sys.exit(main())
