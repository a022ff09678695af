import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime import ConfigError, ManifestError, RuntimeConfig
from runtime.catalogue import Catalogue, NodeType, build_catalogue
from runtime.catalogue.describing import ImportingDescriber, discover, open_describer
from runtime.config import CatalogueSources
from runtime.plan import plan_manifest

NODE = '''
"""A node that needs a heavy library."""
import heavy_library
from actors import Actor, Field, Kind, Params, Text

class HeavyParams(Params):
    size: int = Field(4, ge=1, description="of the model")

class HeavyNode(Actor[HeavyParams]):
    """Do something heavy."""
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})
    def process(self, item: Text) -> Text:
        return item
'''


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of modules, with a heavy library that writes down when it is imported."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "lib")
    monkeypatch.setattr(sys, "path", sys.path[:])
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "heavy_library.py").write_text(
        f"import os, sys\nprint('a word')\nopen({str(tmp_path / 'imports')!r}, 'a').write('x')\n"
    )
    nodes = tmp_path / "my_nodes"
    nodes.mkdir()
    (nodes / "heavy.py").write_text(NODE)
    yield nodes
    assert "heavy_library" not in sys.modules
    assert "heavy" not in sys.modules


def imports(folder: Path) -> int:
    log = folder.parent / "imports"
    return len(log.read_text()) if log.exists() else 0


def found_in(*paths: Path) -> Catalogue:
    config = RuntimeConfig(catalogue=CatalogueSources(paths=tuple(map(str, paths))))
    with open_describer() as describer:
        return build_catalogue(config, installed=[], found=discover(config, describer))


def plan_with(catalogue: Catalogue, params: object):
    manifest = {
        "version": "v1",
        "metadata": {"name": "heavy"},
        "nodes": [{"id": "h", "node_type": "HeavyNode", "params": params}],
        "connections": [],
    }
    with open_describer() as describer:
        return plan_manifest(
            manifest, config=RuntimeConfig(), catalogue=catalogue, describer=describer
        )


def test_the_actors_of_a_file_and_of_a_folder_are_found(folder: Path):
    for path in (folder, folder / "heavy.py"):
        node_type = found_in(path).find("HeavyNode")
        assert node_type == NodeType("HeavyNode", f"{folder}/heavy.py:HeavyNode", origin=str(path))


def test_the_actors_of_a_package_are_found(folder: Path):
    (folder / "__init__.py").write_text("")
    node_type = found_in(folder).find("HeavyNode")
    assert node_type is not None
    assert node_type.target == f"{folder}/heavy.py:HeavyNode"


def test_the_actors_of_a_module_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(folder)
    config = RuntimeConfig(catalogue=CatalogueSources(modules=("heavy",)))
    with open_describer() as describer:
        assert [each.name for each in discover(config, describer)] == ["HeavyNode"]


def test_a_heavy_type_is_described_and_its_params_are_checked_elsewhere_and_once(folder: Path):
    catalogue = found_in(folder)
    assert imports(folder) == 1
    (plan,) = plan_with(catalogue, {"size": 2}).nodes
    assert plan.params == {"size": 2}
    assert {kind.value for kind in plan.accepts.kinds} == {"text"}
    assert imports(folder) == 2
    for _ in range(3):
        plan_with(found_in(folder), {"size": 2})
    assert imports(folder) == 2
    plan_with(catalogue, {"size": 3})
    assert imports(folder) == 3


def test_a_wrong_param_is_named_as_if_it_was_checked_here(folder: Path):
    for _ in range(2):
        with pytest.raises(ManifestError) as caught:
            plan_with(found_in(folder), {"sice": 2})
        assert str(caught.value) == (
            "node 'h' (HeavyNode): param sice: unknown param; did you mean \"size\"?"
        )
    with pytest.raises(ManifestError, match=r"param size: got 0; expected an integer >= 1"):
        plan_with(found_in(folder), {"size": 0})


def test_a_changed_file_is_read_again(folder: Path):
    assert found_in(folder).find("HeavyNode")
    (folder / "heavy.py").write_text(NODE.replace("HeavyNode", "HeavierNode"))
    assert found_in(folder).find("HeavierNode")
    (folder / "more.py").write_text(NODE.replace("HeavyNode", "AnotherNode"))
    assert found_in(folder).find("AnotherNode")


def test_a_cache_that_cannot_be_written_is_done_without(folder: Path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nowhere")
    plan_with(found_in(folder), {})
    plan_with(found_in(folder), {})
    assert imports(folder) == 4


@pytest.mark.parametrize(
    "error",
    [
        "SystemExit(3)",
        "KeyboardInterrupt()",
        "GeneratorExit()",
        "BaseExceptionGroup('', [SystemExit()])",
    ],
)
def test_an_exit_in_a_module_is_an_error_of_its_import(folder: Path, error: str):
    (folder / "broken.py").write_text(f"raise {error}")
    kind = error.partition("(")[0]
    with pytest.raises(ConfigError, match=f"importing broken raised {kind}.*, line 1"):
        found_in(folder / "broken.py")


def test_a_failed_import_has_a_reason(folder: Path):
    (folder / "broken.py").write_text("import no_such_library")
    with pytest.raises(ConfigError, match="broken needs the module no_such_library"):
        found_in(folder)
    # Of another name: bytecode of a file that is as old in seconds and as long counts as its own.
    (folder / "ending.py").write_text("import os; os._exit(7)")
    with pytest.raises(ConfigError, match="importing it ended the process, with status 7"):
        found_in(folder / "ending.py")


@pytest.mark.parametrize("name", ["json", "random", "actors", "numpy", "my-node", "class"])
def test_a_file_may_have_the_name_of_any_other_module(folder: Path, name: str):
    (folder / f"{name}.py").write_text(NODE)
    catalogue = found_in(folder / f"{name}.py")
    assert catalogue.types["HeavyNode"].target == f"{folder}/{name}.py:HeavyNode"
    assert plan_with(catalogue, {"size": 2}).nodes[0].params == {"size": 2}


def test_a_package_may_have_the_name_of_another_and_import_its_own_modules(folder: Path):
    package = folder / "actors"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "sizes.py").write_text("LARGEST = 5")
    limited = NODE.replace("ge=1,", "ge=1, le=LARGEST,")
    (package / "limited.py").write_text(f"from .sizes import LARGEST\n{limited}")
    catalogue = found_in(package)
    assert plan_with(catalogue, {"size": 5}).nodes
    with pytest.raises(ManifestError, match="an integer from 1 to 5"):
        plan_with(catalogue, {"size": 6})


def test_a_file_may_import_the_modules_beside_it(folder: Path):
    (folder / "sizes_of_models.py").write_text("LARGEST = 5")
    limited = NODE.replace("ge=1,", "ge=1, le=LARGEST,")
    (folder / "heavy.py").write_text(f"from sizes_of_models import LARGEST\n{limited}")
    with pytest.raises(ManifestError, match="an integer from 1 to 5"):
        plan_with(found_in(folder / "heavy.py"), {"size": 6})


def test_the_current_folder_hides_no_module_from_the_process_that_describes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    for name in ("runtime", "actors", "types", "queue", "numpy"):
        (folder.parent / f"{name}.py").write_text("raise SystemExit('imported')")
    monkeypatch.chdir(folder.parent)
    assert plan_with(found_in(folder), {"size": 2}).nodes


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing.py", "there is no such file"),
        ("text.txt", "expected a .py file or a folder"),
        ("empty", "has no modules"),
    ],
)
def test_a_path_that_cannot_be_is_refused_before_anything_starts(folder: Path, name, message):
    (folder / "empty").mkdir()
    (folder / "text.txt").touch()
    with pytest.raises(ConfigError, match=message):
        found_in(folder / name)


def test_two_files_with_one_type_are_refused_until_the_operator_chooses(folder: Path):
    (folder / "other.py").write_text(NODE.replace("HeavyNode", "EchoNode"))
    with pytest.raises(ConfigError, match=r"offered twice: .*other.py:EchoNode .*runtime.toml"):
        found_in(folder)
    config = RuntimeConfig(
        nodes={"EchoNode": f"{folder}/other.py:EchoNode"},
        catalogue=CatalogueSources(paths=(str(folder),)),
    )
    with open_describer() as describer:
        catalogue = build_catalogue(config, installed=[], found=discover(config, describer))
    assert catalogue.types["EchoNode"].target == f"{folder}/other.py:EchoNode"


def test_a_file_whose_actor_has_no_process_is_refused_by_the_class_and_a_folder_may_hold_it(
    folder: Path,
):
    file = folder / "unfinished.py"
    file.write_text("from actors import Actor\n\n\nclass BaseNode(Actor):\n    pass\n")
    with pytest.raises(ConfigError, match=r"unfinished\.py: BaseNode is no node type: .*process"):
        found_in(file)
    assert "BaseNode" not in found_in(folder).types


def test_what_is_imported_already_needs_no_process():
    node_type = NodeType("EchoNode", "actors.nodes.echo:EchoNode")
    with open_describer(Path(os.devnull)) as describer:
        assert describer.describe(node_type) == ImportingDescriber().describe(node_type)
        assert describer.check_params(node_type, {"x": 1}).problems
