"""The benchmarks that have arguments: they are refused early, and a small run gives figures."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.benchmarks.regression import ratio_of

ROOT = Path(__file__).parents[1]


def run(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the benchmarks in a folder, where they leave their results."""
    return subprocess.run(
        [sys.executable, "-m", "tests.benchmarks", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["regression"], "--base"),
        (["regression", "--base", "no-such-revision"], "there is no such revision"),
        (["regression", "--base", "HEAD", "no_such_name"], "invalid choice"),
        (["regression", "--base", "HEAD", "--rounds", "0"], "less than 1"),
        (["streams", "--voice", "-1"], "is negative"),
        (["streams", "--seconds", "0"], "not more than 0"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: list[str], reason: str) -> None:
    done = run(tmp_path, *arguments)

    assert done.returncode
    assert reason in done.stderr


def test_two_checkouts_are_compared_and_the_work_tree_is_removed(tmp_path: Path) -> None:
    git = ["git", "-C", str(ROOT)]
    if subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, check=False).returncode:
        pytest.skip("not a checkout")

    done = run(
        tmp_path, "regression", "--base", "HEAD", "--starts", "1", "--rounds", "2", "native_hop"
    )

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "build/benchmarks/regression.json").read_text())
    figures = report["figures"]["native_hop"]
    assert figures["low"] <= figures["middle"] <= figures["high"]
    assert "other processes took" in report["load"]
    trees = subprocess.run([*git, "worktree", "list"], capture_output=True, text=True, check=True)
    assert "regression-" not in trees.stdout


def test_a_few_streams_are_measured(tmp_path: Path) -> None:
    done = run(tmp_path, "streams", "--native", "2", "--voice", "0", "--seconds", "0.3")

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "build/benchmarks/streams.json").read_text())
    figures = report["figures"]["2 native streams"]
    assert figures["missing"] == 0
    assert figures["p50_ms"] > 0


def test_a_ratio_is_told_from_noise() -> None:
    chance = np.random.default_rng(3)

    def starts(factor: float) -> list[list[tuple[float, float]]]:
        noise = chance.normal(1, 0.03, (4, 20, 2))
        return [[(base, factor * own) for base, own in rounds] for rounds in noise]

    assert ratio_of(starts(1.0)).verdict == "no difference"
    assert ratio_of(starts(1.2)).verdict == "slower"
    assert ratio_of(starts(0.8)).verdict == "faster"
