"""Three nodes of a dora dataflow, between a node that sends and the same node, which receives.

From 4 KiB up, dora's nodes publish through shared memory. The sender and every node copy the
payload into their own pool for the next node, which has a view. A message that does not fit into
the pool goes through the daemon, twenty times as slow at 10 MB: hence the pools below are larger
than dora's default.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

NODES = ("first", "second", "third", "fourth", "fifth", "sixth")
POOL = "128MB"
TIMES = "times.json"
SCRIPT = Path(__file__).with_name("_dora_node.py")
TIMEOUT_SECONDS = 120


def node(name: str, source: str, arguments: str) -> dict[str, object]:
    """Return a node of the dataflow, which reads the output of another."""
    return {
        "id": name,
        "path": sys.executable,
        "args": f"{SCRIPT} {arguments}",
        "inputs": {"in": f"{source}/out"},
        "outputs": ["out"],
        "shared_memory_pool_size": POOL,
    }


def dataflow(size: int, rounds: int, count: int) -> dict[str, object]:
    """Return a ring of nodes, of which the first sends and measures."""
    ring = ("sender", *NODES[:count])
    arguments = dict.fromkeys(NODES, "hand_on") | {"sender": f"measure {size} {rounds} {TIMES}"}
    return {"nodes": [node(ring[n], ring[n - 1], arguments[ring[n]]) for n in range(len(ring))]}


def main(size: int, rounds: int, count: int = 3) -> None:
    """Measure with so many nodes in between. The nodes end with `dora run`, however that ends."""
    program = Path(sys.executable).with_name("dora")
    with TemporaryDirectory(prefix="dora", ignore_cleanup_errors=True) as folder:
        file = Path(folder, "dataflow.yml")
        file.write_text(yaml.safe_dump(dataflow(size, rounds, count)))
        done = subprocess.run(
            [program, "run", "--log-level", "error", file],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            text=True,
        )
        if done.returncode:
            sys.exit(done.stdout)
        print(json.dumps(json.loads(Path(folder, TIMES).read_text())))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
