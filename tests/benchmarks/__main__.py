"""`python -m tests.benchmarks [NAME ...]`: run the named measurements, or all.

`python -m tests.benchmarks NAME -h` shows the arguments of those that have some.
"""

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
    "shared_host",
    "time_to_error",
    "tracing",
)

# These take minutes or need further packages, so they are run by name only.
OTHERS: Final = ("peers", "plots", "ray", "rolling", "workers")

# These have arguments of their own, after their name.
COMMANDS: Final = ("regression", "streams")


def main() -> int:
    """Run the named measurements, or all; return the exit status."""
    name, *arguments = sys.argv[1:] or [""]
    if name in COMMANDS:
        import_module(f"{__package__}.{name}").main(arguments)
        return 0
    parser = argparse.ArgumentParser(
        prog=f"python -m {__package__}",
        description="Measure, print tables, and write JSON files to build/benchmarks.",
    )
    parser.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        choices=[*NAMES, *OTHERS],
        help=f"by default all of: {', '.join(NAMES)}; by name only: {', '.join(OTHERS)}; "
        f"with arguments of their own: {', '.join(COMMANDS)}, see NAME -h",
    )
    for name in parser.parse_args().names or NAMES:
        run: Callable[[], None] = import_module(f"{__package__}.{name}").main
        run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
