"""`python -m tests.benchmarks [NAME ...]`: run the named measurements, or all."""

import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

NAMES: Final = (
    "child_hop",
    "child_round_trip",
    "codec",
    "grpc_echo",
    "grpc_sessions",
    "native_hop",
    "neighbours",
    "parallel_branches",
    "round_trip",
    "session_end",
    "session_start",
    "time_to_error",
)

# They take minutes, or need packages of their own: run by name only.
OTHERS: Final = ("peers", "plots")


def main() -> int:
    """Run what was asked for; return the exit status."""
    asked, known = sys.argv[1:] or list(NAMES), (*NAMES, *OTHERS)
    for name in asked:
        if name not in known:
            print(f"no benchmark {name!r}; there are {', '.join(known)}", file=sys.stderr)
            return 2
    for name in asked:
        run: Callable[[], None] = import_module(f"{__package__}.{name}").main
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
