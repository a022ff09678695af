"""A client that sends one small chunk after the other: `python -m ... PORT SIZE ROUNDS`.

It prints the median of a round trip in microseconds.
"""

import sys

from .grpc_clients import STREAM, EchoStream, audio_chunk
from .report import median


def main(port: int, size: int, rounds: int) -> None:
    """Echo."""
    stream = EchoStream(port, STREAM)
    stream.open_session()
    message = audio_chunk(size)
    print(median([stream.round_trip(message, size) for _ in range(rounds)]), flush=True)
    stream.close()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
