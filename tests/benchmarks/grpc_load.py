"""A client that keeps a server busy: `python -m ... PORT PATH [EXECUTOR]`.

It echoes 10 MB chunks one after the other until its standard input ends. It prints "running" after
the first echo, and at the end the number of echoes per second.
"""

import select
import sys
import time

from .grpc_clients import EchoStream, audio_chunk

SIZE = 10 * 2**20


def is_over() -> bool:
    """Return whether the standard input has ended."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def main(port: str, path: str, executor: str | None = None) -> None:
    """Echo."""
    stream, message, count = EchoStream(int(port), path), audio_chunk(SIZE), 0
    if executor is not None:
        stream.open_session(executor)
    stream.round_trip(message, SIZE)
    print("running", flush=True)
    began = time.perf_counter()
    while not is_over():
        stream.round_trip(message, SIZE)
        count += 1
    print(count / (time.perf_counter() - began), flush=True)
    stream.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
