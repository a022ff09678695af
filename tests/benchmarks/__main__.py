"""`python -m tests.benchmarks [NAME ...]`: run the named measurements, or all."""

import argparse
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Final

NAMES: Final = (
    "asyncio_calls",
    "child_hop",
    "child_round_trip",
    "codec",
    "forwarding",
    "grpc_echo",
    "grpc_peers",
    "grpc_sessions",
    "items",
    "llm",
    "metrics",
    "native_hop",
    "neighbours",
    "parallel_branches",
    "recording",
    "remote",
    "round_trip",
    "session_cost",
    "session_end",
    "session_start",
    "small_message",
    "time_to_error",
    "tracing",
)

# These take minutes or need further packages, so they are run by name only.
OTHERS: Final = ("peers", "plots", "rolling", "workers")


def main() -> int:
    """Run the named measurements, or all; return the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description="Measure, print tables, and write JSON files to build/benchmarks.",
    )
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        choices=[*NAMES, *OTHERS],
        help=f"by default all of: {', '.join(NAMES)}; by name only: {', '.join(OTHERS)}",
    )
    for name in parser.parse_args().names or NAMES:
        run: Callable[[], None] = import_module(f"{__package__}.{name}").main
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
