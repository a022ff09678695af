"""The page for operators has every metric, and its alerts are rules that Prometheus accepts."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from runtime.metrics import EXPORTED, MetricKind
from tests.docs.blocks import ROOT, blocks_of

PAGE = ROOT / "docs/guides/operate.md"
NAMES = {
    exported.name + ("_total" if exported.kind is MetricKind.COUNTER else "")
    for exported in EXPORTED
}
SUFFIXES = re.compile(r"_(bucket|sum|count)$")


def test_the_table_of_metrics_is_that_of_the_code() -> None:
    rows = re.findall(
        r"^\| `(millrace_\w+)` \| (\w+) \| ([\w, ]*) \| (.*) \|$", PAGE.read_text("utf-8"), re.M
    )
    assert rows[0][0] == "millrace_build_info"
    assert rows[1:] == [
        (
            exported.name + ("_total" if exported.kind is MetricKind.COUNTER else ""),
            exported.kind.value,
            ", ".join(exported.labels),
            exported.meaning,
        )
        for exported in EXPORTED
    ]


def alerts() -> str:
    (text,) = (block.text for block in blocks_of(PAGE) if block.title == "alerts.yml")
    return text


def test_alerts_use_metrics_that_exist() -> None:
    used = set(re.findall(r"millrace_\w+", alerts()))
    assert {SUFFIXES.sub("", name) for name in used} <= NAMES
    for group in yaml.safe_load(alerts())["groups"]:
        assert all("alert" in rule for rule in group["rules"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_prometheus_accepts_the_alerts(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yml"
    file.write_text(alerts())
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
