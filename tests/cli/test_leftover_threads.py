"""A thread that a native node leaves behind is named, and the command still ends."""

import json
from pathlib import Path

from .commands import millrace, write_manifest

NODES = '''
import threading
from concurrent.futures import ThreadPoolExecutor

from actors import Actor, Kind, Text

class ReporterNode(Actor):
    """Leave a thread that never ends."""
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def initialize(self):
        threading.Thread(target=threading.Event().wait, name="reporter").start()

    def process(self, item):
        return item

class PoolNode(ReporterNode):
    """Leave an idle pool of threads, which ends with the process."""

    def initialize(self):
        self._pool = ThreadPoolExecutor()
        self._pool.submit(print).result()
'''


def run(folder: Path, node_type: str) -> tuple[int, str, str]:
    (folder / "nodes.py").write_text(NODES)
    manifest = write_manifest(folder, {"id": "n", "node_type": node_type})
    document = json.loads(manifest.read_text())
    document["metadata"]["multiprocess"] = {"executor_overrides": {"n": "native"}}
    manifest.write_text(json.dumps(document))
    (folder / "runtime.toml").write_text(f'[routing.registry]\n{node_type} = "native"\n')
    done = millrace("run", manifest, "-q", "--nodes", "nodes.py", folder=folder, given="hi\n")
    return done.returncode, done.stdout, done.stderr


def test_the_thread_is_named_and_the_command_ends(tmp_path: Path) -> None:
    status, out, err = run(tmp_path, "ReporterNode")
    assert (status, out) == (0, "hi\n")
    assert "threads of nodes are still running: 'reporter'" in err


def test_idle_threads_of_a_pool_end_in_silence(tmp_path: Path) -> None:
    status, out, err = run(tmp_path, "PoolNode")
    assert (status, out) == (0, "hi\n")
    assert "still running" not in err
