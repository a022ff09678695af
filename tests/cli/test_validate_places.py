"""`millrace validate` shows where each node runs."""

import json
from pathlib import Path

from tests.cli.commands import millrace

SETTINGS = """
[executors.remote]
enabled = true
[executors.remote.hosts.far]
address = "127.0.0.1:5000"
[executors.ray]
enabled = true
address = "127.0.0.1:1"
[routing]
override_executors = ["ray", "multiprocess", "native"]
"""


def test_each_node_has_its_place_and_a_cluster_out_of_reach_is_an_error(tmp_path: Path) -> None:
    places = {"a": "native", "b": "multiprocess", "c": "ray", "d": "", "e": ""}
    nodes = [
        {"id": node, "node_type": "FastResampleNode", "params": {"target_rate": 8000}}
        | ({} if place else {"host": "127.0.0.1:5000"})
        | ({"capabilities": {"cpu": {"cores": 2}}} if place == "ray" else {})
        for node, place in places.items()
    ]
    overrides = {node: place for node, place in places.items() if place}
    manifest = {
        "version": "v1",
        "metadata": {"name": "p", "multiprocess": {"executor_overrides": overrides}},
        "nodes": nodes,
        "connections": [{"from": a, "to": b} for a, b in zip("abcd", "bcde", strict=True)],
    }
    (tmp_path / "p.json").write_text(json.dumps(manifest))
    (tmp_path / "runtime.toml").write_text(SETTINGS)
    done = millrace("validate", "p.json", "--cluster", folder=tmp_path)
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert " server " in rows["a"]
    assert "own process" in rows["b"]
    assert "Ray cluster" in rows["c"]
    assert "asks for 2 CPU" in rows["c"]
    assert "another server" in rows["d"]
    assert "d, e are one session there" in rows["e"]
    assert done.returncode == 1
    assert "Ray" in done.stderr  # not installed here, or nobody listens at the address
