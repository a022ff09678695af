"""`millrace run` on a pipeline whose sources generate items."""

from pathlib import Path

from tests.cli.commands import millrace, write_manifest

NODE = '''
from actors import Actor, Json, Kind, NoParams


class Countdown(Actor[NoParams]):
    """Count down."""

    produces = frozenset({Kind.JSON})

    def generate(self):
        for number in (3, 2, 1):
            yield Json(number)
'''


def test_sources_run_without_an_input_and_refuse_one(tmp_path: Path) -> None:
    (tmp_path / "countdown.py").write_text(NODE)
    manifest = write_manifest(
        tmp_path,
        {"id": "count", "node_type": "Countdown"},
        {"id": "double", "node_type": "MultiplyNode"},
    )
    done = millrace("run", manifest, "--nodes", "countdown.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["6.0", "4.0", "2.0"]
    (tmp_path / "in.jsonl").write_text("1\n")
    refused = millrace(
        "run", manifest, "--nodes", "countdown.py", "--input", "in.jsonl", folder=tmp_path
    )
    assert refused.returncode == 2
    assert "generate their items; leave --input out" in " ".join(refused.stderr.split())
