"""`python -m tests.fuzz NAME --seconds N`: run one target, or all of them in turn."""

import argparse
import secrets
import sys

from tests.fuzz.runner import TARGETS, fuzz


def main() -> int:
    """Run what was asked for; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("names", nargs="+", choices=[*TARGETS, "all"], metavar="NAME")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each target")
    parser.add_argument("--seed", type=int, help="of the first batch, to repeat a run")
    asked = parser.parse_args()
    names = TARGETS if "all" in asked.names else asked.names
    for name in names:
        seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
        print(f"{name}: seed {seed}", flush=True)
        report = fuzz(name, seed=seed, seconds=asked.seconds)
        print(f"{name}: {report.examples} examples in {report.seconds:.0f} s, nothing found")
    return 0


if __name__ == "__main__":
    sys.exit(main())
