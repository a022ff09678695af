"""Tables fit the terminal, and split no name, at every width."""

import json
import re
from pathlib import Path

import pytest

from runtime import RuntimeConfig
from runtime.catalogue import BUILT_IN
from runtime.config import Section

from .commands import millrace, write_manifest
from .terminal import Screen, run_in_terminal

WIDTHS = [40, 80, 140]
LONG = "the_level_meter_of_the_left_channel"

SLOW = '''
from actors import Actor, Kind, Text

class SlowNode(Actor):
    """Compute for some time."""
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item):
        self.spin_for_a_while()
        return item

    def spin_for_a_while(self):
        total = 0
        for number in range(3_000_000):
            total += number
        return total
'''


def assert_fits(screen: Screen, columns: int) -> None:
    assert screen.status == 0, screen.text
    assert max(map(len, screen.lines)) <= columns


def words(screen: Screen) -> set[str]:
    """Return what stands between blanks on the screen."""
    return set(screen.text.split())


def keys(section: type[Section], prefix: str = "") -> list[str]:
    found: list[str] = []
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            found += keys(inner, f"{prefix}{name}.")
        else:
            found.append(prefix + name)
    return found


@pytest.mark.parametrize("columns", WIDTHS)
def test_nodes_keeps_every_name_whole(columns: int, tmp_path: Path) -> None:
    screen = run_in_terminal("nodes", folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    for entry in BUILT_IN:
        assert entry.name in words(screen)
    assert {"native", "multiprocess"} <= words(screen)


@pytest.mark.parametrize("columns", WIDTHS)
def test_one_node_type_fits(columns: int, tmp_path: Path) -> None:
    screen = run_in_terminal("nodes", "HFPipelineNode", folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    assert {"task", "model", "device", "arguments"} <= words(screen)
    assert '"token-classification",' in words(screen)


@pytest.mark.parametrize("columns", WIDTHS)
def test_config_keeps_every_key_whole(columns: int, tmp_path: Path) -> None:
    (tmp_path / "runtime.toml").write_text("[limits]\nmax_sessions = 7\n")
    screen = run_in_terminal("config", folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    assert set(keys(RuntimeConfig)) <= words(screen)
    assert {"7", "runtime.toml", "default"} <= words(screen)


@pytest.mark.parametrize("columns", WIDTHS)
def test_config_shows_a_long_value(columns: int, tmp_path: Path) -> None:
    folder = tmp_path / "a-folder-with-a-name-that-is-longer-than-any-column"
    folder.mkdir()
    (tmp_path / "runtime.toml").write_text(f'[files]\nroots = ["{folder}"]\n')
    screen = run_in_terminal("config", folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    assert str(folder) in re.sub(r"\n\s*", "", screen.text)
    assert set(keys(RuntimeConfig)) <= words(screen)


@pytest.mark.parametrize("columns", WIDTHS)
def test_validate_keeps_ids_types_and_executors_whole(columns: int, tmp_path: Path) -> None:
    manifest = write_manifest(
        tmp_path,
        {"id": LONG, "node_type": "FastResampleNode", "params": {"target_rate": 16000}},
        {"id": "vad", "node_type": "SileroVADNode"},
    )
    document = json.loads(manifest.read_text())
    document["metadata"]["multiprocess"] = {"channel_capacity": 3}
    manifest.write_text(json.dumps(document))
    screen = run_in_terminal("validate", manifest, folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    names = {LONG, "FastResampleNode", "vad", "SileroVADNode", "native"}
    assert names | {"channel_capacity", "3", "manifest"} <= words(screen)


@pytest.mark.parametrize("columns", [80, 140])
def test_profile_names_the_module_and_line_of_the_busiest_function(
    columns: int, tmp_path: Path
) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    (tmp_path / "in.txt").write_text("a\nb\nc\n")
    manifest = write_manifest(tmp_path, {"id": LONG, "node_type": "SlowNode"})
    arguments = ("profile", manifest, "--nodes", "slow.py", "-i", "in.txt")
    screen = run_in_terminal(*arguments, folder=tmp_path, columns=columns)
    assert_fits(screen, columns)
    line = 1 + SLOW.splitlines().index("    def spin_for_a_while(self):")
    assert {LONG, "SlowNode.spin_for_a_while", f"slow:{line}"} <= words(screen)


def test_in_a_pipe_an_entry_is_one_line(tmp_path: Path) -> None:
    lines = millrace("config", folder=tmp_path).stdout.splitlines()
    assert [line.split()[0] for line in lines[2:]] == keys(RuntimeConfig)
    lines = millrace("nodes", folder=tmp_path).stdout.splitlines()[2 : 2 + len(BUILT_IN)]
    assert [line.split()[0] for line in lines] == [entry.name for entry in BUILT_IN]
