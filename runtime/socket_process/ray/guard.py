"""The guard of a Ray worker: a small process that speaks for it, and kills it.

It imports the standard library only, and runs as a program. It gives signs of life to the server,
and kills the worker with all that it has started when

- the connection to the server has ended, or its machine is cut off,
- the raylet that has started the worker has ended, or is stopped: Ray itself notices that after
  15 s or never, and the worker would run on,
- the worker is stopped.
"""

import mmap
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress

# As in `runtime.links.socket.pulse`; the structure test compares them.
BEAT_SECONDS = 0.5
BEAT = struct.Struct("<d")
SUPERVISOR_ENDED, SUPERVISOR_STOPPED, PROCESS_STOPPED = -1.0, -2.0, -3.0
# A worker whose server is gone may end by itself for so long: less than the second after which
# nothing of it may be left.
_LEAVE_SECONDS = 0.4
_TIMES = struct.Struct("=dd")
# tcpi_last_ack_recv in struct tcp_info of <linux/tcp.h>: milliseconds since the last
# acknowledgement. TCP_USER_TIMEOUT is noticed only when a retransmission is due: that was 10 s
# after a cut (2026-11-27, a busy machine).
_LAST_ACK = struct.Struct("=56xI")


class Guard:
    """Watches one worker, and what has started it."""

    def __init__(self, numbers: list[int], silence_seconds: float) -> None:
        pulse, activity, self._worker_end, self._raylet_end, self._worker, self._raylet = numbers
        self._server = socket.socket(fileno=pulse)
        self._memory = mmap.mmap(activity, mmap.PAGESIZE, prot=mmap.PROT_READ)
        self._began = time.monotonic()  # before, there was nothing to answer
        self._silence = silence_seconds
        self._patience = max(0.0, silence_seconds - BEAT_SECONDS)
        self._stopped_since: dict[int, float] = {}

    def run(self) -> None:
        """Watch until the worker is gone."""
        poll = select.poll()
        for descriptor in (self._worker_end, self._raylet_end, self._server.fileno()):
            poll.register(descriptor, select.POLLIN)
        next_beat = time.monotonic()
        while True:
            left = next_beat - time.monotonic()
            if left <= 0:
                self._beat()
                next_beat = time.monotonic() + BEAT_SECONDS
                continue
            for descriptor, _ in poll.poll(left * 1000 + 1):
                if descriptor == self._worker_end:
                    self.kill()
                elif descriptor == self._raylet_end:
                    self._end(SUPERVISOR_ENDED)
                elif not self._receive():
                    self._leave()

    def _beat(self) -> None:
        for pid, word in ((self._raylet, SUPERVISOR_STOPPED), (self._worker, PROCESS_STOPPED)):
            if not is_stopped(pid):
                self._stopped_since.pop(pid, None)
            elif time.monotonic() - self._stopped_since.setdefault(pid, time.monotonic()) >= (
                self._patience
            ):
                self._end(word)
        if time.monotonic() - self._began > self._silence < self._seconds_since_answer():
            self.kill()
        began, ended = _TIMES.unpack_from(self._memory)
        self._send(max(0.0, time.perf_counter() - began) if began > ended else 0.0)

    def _seconds_since_answer(self) -> float:
        """Return how long ago the server's machine has acknowledged a sign of life."""
        information = self._server.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_ACK.size)
        milliseconds: int = _LAST_ACK.unpack(information)[0]
        return milliseconds / 1000

    def _send(self, number: float) -> None:
        try:
            self._server.send(BEAT.pack(number))
        except BlockingIOError:
            pass  # the server is slow, and has many to read
        except OSError:
            self._leave()

    def _receive(self) -> bool:
        """Return whether the server is still there; it sends nothing."""
        try:
            return bool(self._server.recv(64))
        except BlockingIOError:
            return True
        except OSError:
            return False

    def _leave(self) -> None:
        """Give the worker, whose server is gone, a moment to end by itself."""
        select.select([self._worker_end], [], [], _LEAVE_SECONDS)
        self.kill()

    def _end(self, word: float) -> None:
        with suppress(OSError):
            self._server.send(BEAT.pack(word))
        self.kill()

    def kill(self) -> None:
        """Kill the worker with its group, and end."""
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(self._worker, signal.SIGKILL)
        os._exit(0)


def is_stopped(pid: int) -> bool:
    """Return whether a signal such as SIGSTOP has stopped a process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"T", b"t")
    except (OSError, IndexError):
        return False


if __name__ == "__main__":
    if os.fork():
        os._exit(0)  # a worker that Ray ends kills its children first, and takes its time then
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, 0)  # Ray has lowered that of the worker
    *given, seconds = sys.argv[1:]
    Guard([int(number) for number in given], float(seconds)).run()
