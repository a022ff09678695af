"""The arrows between the rooms, and the seams that only one room may have."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    path
    for path in (*ROOT.glob("actors/**/*.py"), *ROOT.glob("runtime/**/*.py"))
    if "generated" not in path.parts
)


def imports(path: Path) -> set[str]:
    """Return the absolute names of every module that a file imports, lazily or not."""
    package = ".".join(path.relative_to(ROOT).with_suffix("").parts[:-1]).split(".")
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            found.add(".".join([*base, node.module or ""]).strip("."))
    return found


def importers(prefix: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in MODULES
        if any(name == prefix or name.startswith(f"{prefix}.") for name in imports(path))
    }


def test_actors_import_nothing_of_runtime() -> None:
    assert not any(name.startswith("actors/") for name in importers("runtime"))


def test_one_room_alone_imports_iceoryx2() -> None:
    assert importers("iceoryx2") == {"runtime/links/shared/memory.py"}


def test_the_rooms_of_the_wire_alone_import_grpclib_and_asyncio() -> None:
    ends = "runtime/service/", "runtime/client/"
    # The test kit also serves tests that run on asyncio.
    kit = "runtime/testing/asyncio_run.py"
    assert all(name.startswith((*ends, kit)) for name in importers("asyncio"))
    assert all(name.startswith((*ends, "runtime/wire/")) for name in importers("grpclib"))


def test_the_client_knows_in_one_place_alone_that_there_is_trio() -> None:
    clients = {name for name in importers("trio") if name.startswith("runtime/client/")}
    assert clients == {"runtime/client/bridge.py"}


@pytest.mark.parametrize(
    "room",
    [
        "conversion",
        "protocol",
        "errors.py",
        "events.py",
        "manifest",
        "config",
        "documents",
        "plan.py",
        "routing.py",
        "graph",
    ],
)
def test_what_is_known_before_a_session_needs_no_trio(room: str) -> None:
    assert not any(name.startswith(f"runtime/{room}") for name in importers("trio"))


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("links", "session"),
        ("links", "executors"),
        ("links", "processes"),
        ("processes", "executors"),
        ("processes", "session"),
        ("executors", "session"),
        ("session", "cli"),
        ("session", "demo"),
        ("manifest", "links"),
        ("config", "links"),
        ("session", "service"),
        ("executors", "service"),
        ("conversion", "service"),
        ("conversion", "session"),
        ("protocol", "conversion"),
        ("service", "cli"),
        ("client", "cli"),
        ("client", "service"),
        ("client", "session"),
        ("service", "client"),
    ],
)
def test_imports_point_one_way(lower: str, higher: str) -> None:
    assert not any(name.startswith(f"runtime/{lower}/") for name in importers(f"runtime.{higher}"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_module_is_longer_than_a_reader_likes(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 400


def test_importing_runtime_loads_nothing_heavy() -> None:
    heavy = "numpy", "trio", "pydantic", "iceoryx2", "rich", "typer"
    code = f"import sys, runtime; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"
