"""Compare two checkouts: `python -m tests.benchmarks regression --base REV [NAME ...]`.

A revision is checked out into a temporary work tree, and both are measured in turns by the same
code, which is that of this checkout. The processes are started anew several times, since where one
lies in memory makes a difference that no number of rounds shows.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Final, NamedTuple, cast

import numpy as np

from .grpc_clients import STREAM, EchoStream, audio_chunk
from .machine_load import cpu_seconds
from .report import Report, median
from .streams import Servers, voice_load

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
RESAMPLES: Final = 4000
# Of a dozen rows without a difference, one in eight tables shows one.
CONFIDENCE: Final = 0.99
# Bytes, and how many round trips of them.
SIZES: Final = {
    "grpc_640_b": (640, 150),
    "grpc_64_kb": (65536, 100),
    "grpc_1_mb": (2**20, 20),
    "grpc_10_mb": (10 * 2**20, 6),
}
IN_PROCESS: Final = ("native_hop", "child_hop", "child_round_trip", "child_10_mb", "session_start")
FLOW, FLOW_MESSAGES = "grpc_flow", 1000
# Few enough that half a core keeps them in real time.
VOICE_STREAMS, VOICE_SECONDS, VOICE_WARM = 10, 1.0, 0.2


class Figures(NamedTuple):
    """One batch.

    Attributes:
        p50: microseconds of one operation.
        cpu: processor time of one, of all processes of the checkout; None if it is not measured.
    """

    p50: float
    cpu: float | None


Batch = Callable[[], Figures]
Start = list[tuple[Figures, Figures]]
"""The rounds of one start of the processes: of the base, and of this checkout."""


@contextmanager
def in_process(name: str, tree: Path) -> Iterator[Batch]:
    """Run a measurement of `probe.py` in a checkout."""
    with python(tree, "probe.py", name) as process:
        check_place(tree, line_of(process))
        line_of(process)

        def run() -> Figures:
            assert process.stdin is not None
            print(file=process.stdin, flush=True)
            return Figures(**json.loads(line_of(process)))

        yield run


@contextmanager
def echo(name: str, tree: Path) -> Iterator[Batch]:
    """Measure a stream of chunks through a native node of a checkout's server."""
    cores = sorted(os.sched_getaffinity(0))
    size, rounds = SIZES.get(name, (640, FLOW_MESSAGES))
    message = audio_chunk(size)
    with python(tree, "grpc_server.py") as process:
        stream = EchoStream(int(line_of(process)), STREAM)
        stream.open_session()
        os.sched_setaffinity(process.pid, cores[:1])

        def run() -> Figures:
            before = cpu_seconds(process.pid)
            if name == FLOW:
                time = 1e6 / stream.throughput(message, size, rounds)
            else:
                time = median([stream.round_trip(message, size) for _ in range(rounds)])
            return Figures(time, 1e6 * (cpu_seconds(process.pid) - before) / rounds)

        run()
        yield run
        stream.close()


@contextmanager
def voice(_: str, tree: Path) -> Iterator[Batch]:
    """Measure voice streams in real time in a checkout's server."""
    cores = sorted(os.sched_getaffinity(0))
    with python(tree, "grpc_server.py") as process:
        running = Servers([int(line_of(process))], [process.pid])
        os.sched_setaffinity(process.pid, cores[:1])
        load = voice_load(VOICE_STREAMS, running.ports, VOICE_SECONDS)._replace(warm=VOICE_WARM)

        def run() -> Figures:
            figures = running.measure(load)
            return Figures(1e3 * figures.p50_ms, figures.server_cpu_us)

        run()
        yield run


PROBES: Final[Mapping[str, Callable[[str, Path], AbstractContextManager[Batch]]]] = {
    **dict.fromkeys(IN_PROCESS, in_process),
    **dict.fromkeys([*SIZES, FLOW], echo),
    "voice": voice,
}


@contextmanager
def python(tree: Path, script: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Run a script of this folder with the packages of a checkout."""
    command = [sys.executable, "-P", str(HERE / script), *arguments]
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(tree)},
            text=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            assert process.stdin is not None
            process.stdin.close()
            if script == "grpc_server.py":
                process.kill()


def line_of(process: "subprocess.Popen[str]") -> str:
    """Return the next line that a process prints."""
    assert process.stdout is not None
    line = process.stdout.readline().rstrip("\n")
    if not line:
        sys.exit(f"{process.args!r} has ended; its error is above")
    return line


def check_place(tree: Path, file: str) -> None:
    """Exit if a process has not imported the packages of its checkout."""
    if tree.resolve() not in Path(file).resolve().parents:
        sys.exit(f"measured {file} instead of the checkout {tree}; is another one in a .pth file?")


@contextmanager
def work_tree(revision: str) -> Iterator[tuple[Path, str]]:
    """Check a revision out for as long as the block lasts; yield its folder and its short name."""
    git = ["git", "-C", str(ROOT)]
    found = subprocess.run(
        [*git, "rev-parse", "--verify", "--quiet", "--short", f"{revision}^{{commit}}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if found.returncode:
        sys.exit(f"--base {revision}: there is no such revision in {ROOT}; git log lists them")
    name = found.stdout.strip()
    with tempfile.TemporaryDirectory(prefix="regression-") as folder:
        tree = Path(folder, "base")
        subprocess.run([*git, "worktree", "add", "--quiet", "--detach", tree, name], check=True)
        try:
            yield tree, name
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", tree], check=True)


def rounds_of(name: str, trees: Sequence[Path], rounds: int, *, base_first: bool) -> Start:
    """Start a measurement in both checkouts, and run it in turns."""
    with ExitStack() as stack:
        order = (0, 1) if base_first else (1, 0)
        batches: dict[int, Batch] = {
            each: stack.enter_context(PROBES[name](name, trees[each])) for each in order
        }
        found: Start = []
        for number in range(rounds):
            turn = order if number % 2 == 0 else order[::-1]
            figures = {each: batches[each]() for each in turn}
            found.append((figures[0], figures[1]))
        return found


class Ratio(NamedTuple):
    """A ratio of this checkout to the base, with its confidence interval."""

    middle: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What the interval allows to say."""
        if self.low > 1:
            return "slower"
        return "faster" if self.high < 1 else "no difference"

    def __str__(self) -> str:
        """Return the ratio and its interval."""
        return f"{self.middle:.3f} ({self.low:.3f} to {self.high:.3f})"


def ratio_of(starts: Sequence[Sequence[tuple[float, float]]]) -> Ratio:
    """Return the median ratio of all rounds, with a bootstrap interval.

    Both the starts of the processes and the rounds within each are drawn again, since the rounds of
    one start have more in common with each other than with those of another.
    """
    logs = [np.log([own / base for base, own in rounds]) for rounds in starts]
    chance = np.random.default_rng(1)
    medians = []
    for _ in range(RESAMPLES):
        drawn = [logs[number] for number in chance.integers(len(logs), size=len(logs))]
        medians.append(np.median([chance.choice(each, len(each)) for each in drawn]))
    edge = (1 - CONFIDENCE) / 2
    low, high = np.exp(np.quantile(medians, [edge, 1 - edge]))
    return Ratio(float(np.exp(np.median(np.concatenate(logs)))), float(low), float(high))


def add_rows(report: Report, name: str, starts: Sequence[Start]) -> None:
    """Add the rows of one measurement: its time, and its processor time if that is measured."""
    for what in ("time", "processor time"):
        pairs = [
            [(base.p50, own.p50) if what == "time" else (base.cpu, own.cpu) for base, own in each]
            for each in starts
        ]
        if any(None in pair for each in pairs for pair in each):
            continue
        whole = cast("list[list[tuple[float, float]]]", pairs)
        ratio = ratio_of(whole)
        flat = [pair for each in whole for pair in each]
        base, own = median(pair[0] for pair in flat), median(pair[1] for pair in flat)
        report.add_shown(
            f"{name}, CPU" if what == "processor time" else name,
            [f"{base:.1f}", f"{own:.1f}", str(ratio), ratio.verdict],
            {"base_us": base, "this_us": own, **ratio._asdict(), "verdict": ratio.verdict},
        )


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(
        prog=f"python -m {__package__} regression",
        description="Measure a revision and this checkout in turns, and print the ratios with "
        f"{CONFIDENCE:.0%} confidence intervals. A revision against itself shows the noise.",
    )
    found.add_argument("--base", metavar="REV", required=True, help="the revision to compare with")
    found.add_argument(
        "names",
        metavar="NAME",
        nargs="*",
        type=probe_name,
        help=f"what to measure; by default all of: {', '.join(PROBES)}",
    )
    found.add_argument("--starts", type=positive, default=4, help="of the processes (4)")
    found.add_argument("--rounds", type=positive, default=15, help="of each start (15)")
    return found


def probe_name(text: str) -> str:
    """Return a name of the command line; `choices` would refuse an empty list of names."""
    if text not in PROBES:
        raise argparse.ArgumentTypeError(f"invalid choice: {text!r}; one of {', '.join(PROBES)}")
    return text


def positive(text: str) -> int:
    """Return a number of the command line that is at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


def main(arguments: Sequence[str] = ()) -> None:
    """Compare."""
    options = parser().parse_args(arguments)
    with work_tree(options.base) as (tree, name):
        report = Report(
            "regression",
            f"This checkout against {name}, {options.starts} x {options.rounds} rounds, us",
            ("", "base", "this", f"ratio ({CONFIDENCE:.0%})", "this is"),
        )
        for each in options.names or PROBES:
            starts = [
                rounds_of(each, (tree, ROOT), options.rounds, base_first=number % 2 == 0)
                for number in range(options.starts)
            ]
            add_rows(report, each, starts)
    report.show()
