"""The structure of the source: arrows between rooms, public names, and seams of one room."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Room -> the rooms that it may import. `errors` and `events` are for everybody.
ARROWS = {
    "aio": {"config", "execution", "executors", "links", "manifest", "plan", "session"},
    "catalogue": {"config", "documents"},
    "cli": {
        "catalogue",
        "client",
        "config",
        "console",
        "documents",
        "execution",
        "executors",
        "http",
        "latency",
        "links",
        "logs",
        "manifest",
        "media",
        "plan",
        "recording",
        "service",
        "session",
        "talk",
        "wire",
        "workers",
    },
    "client": {"config", "documents", "manifest", "wire"},
    "config": {"documents"},
    "console": {"config", "execution", "http", "latency", "metrics", "service", "session"},
    "documents": set(),
    "execution": {"catalogue", "latency", "links", "tracing"},
    "executors": {
        "catalogue",
        "client",
        "config",
        "execution",
        "links",
        "logs",
        "plan",
        "socket_process",
        "tracing",
    },
    "http": {"config", "metrics", "service"},
    "latency": set(),
    "links": set(),
    "logs": {"config"},
    "manifest": {"config", "documents"},
    "media": set(),
    "metrics": {"execution", "links"},
    "plan": {"catalogue", "config", "documents", "manifest"},
    "recording": {"config", "links", "manifest", "session", "wire"},
    "service": {
        "config",
        "recording",
        "execution",
        "latency",
        "links",
        "metrics",
        "plan",
        "session",
        "wire",
    },
    "session": {
        "catalogue",
        "config",
        "documents",
        "execution",
        "executors",
        "latency",
        "links",
        "manifest",
        "metrics",
        "plan",
        "tracing",
    },
    "socket_process": {"execution", "links"},
    "talk": {
        "config",
        "documents",
        "http",
        "manifest",
        "plan",
        "recording",
        "session",
    },
    "testing": {
        "catalogue",
        "config",
        "documents",
        "execution",
        "executors",
        "links",
        "manifest",
        "plan",
        "session",
    },
    "tracing": {"config"},
    "wire": {"config", "manifest"},
    "workers": {"config", "metrics", "service", "session"},
}
FOR_EVERYBODY = {"errors", "events"}
ENTRY_POINTS = {"__init__", "__main__"}
# Developers run the first by its name. Importing the packages of the others would load what most of
# their users do not need: the whole command line, the whole test kit.
OPEN_MODULES = {"runtime.wire.regenerate", "runtime.cli.app", "runtime.testing.warm_forkserver"}


def name_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


def sources(*folders: str) -> dict[str, Path]:
    found = (path for folder in folders for path in sorted(ROOT.glob(f"{folder}/**/*.py")))
    return {name_of(path): path for path in found if "generated" not in path.parts}


MODULES = sources("actors", "runtime")
PACKAGES = {name for name, path in MODULES.items() if path.name == "__init__.py"}
TESTS = sources("tests", "docs")


@cache
def imported(path: Path) -> tuple[tuple[str, str], ...]:
    """Return every (module, name) that a file imports, lazily or for its types too."""
    package = list(path.relative_to(ROOT).with_suffix("").parts[:-1])
    found: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, node.module or ""]).strip(".")
            found += [(module, alias.name) for alias in node.names]
    return tuple(found)


def modules_imported(path: Path) -> Iterator[str]:
    for module, name in imported(path):
        submodule = f"{module}.{name}"
        yield submodule if submodule in MODULES else module


def importers(prefix: str) -> set[str]:
    return {
        name
        for name, path in MODULES.items()
        if any(f"{each}.".startswith(f"{prefix}.") for each in modules_imported(path))
    }


def room_of(name: str) -> str:
    return f"{name}.__init__".split(".")[1]


def arrows() -> set[tuple[str, str]]:
    return {
        (room_of(name), room_of(other))
        for name, path in MODULES.items()
        for other in modules_imported(path)
        if name.startswith("runtime.") and other.startswith("runtime.")
    }


def test_rooms_import_only_the_rooms_that_they_may() -> None:
    assert {
        (room, other)
        for room, other in arrows()
        if room not in ENTRY_POINTS | {other}
        and other not in FOR_EVERYBODY | ARROWS.get(room, set())
    } == set()


def test_every_allowed_arrow_is_in_use() -> None:
    allowed = {(room, other) for room, others in ARROWS.items() for other in others}
    assert allowed - arrows() == set()


def test_the_architecture_page_has_every_room_and_every_arrow() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| .* \|(.*)\|$", page, re.MULTILINE)
    assert {room: set(re.findall(r"\w+", arrows)) for room, arrows in rows} == {
        **{room: set[str]() for room in FOR_EVERYBODY},
        **ARROWS,
    }, "docs/architecture.md: the table of the module map differs from ARROWS"


def test_no_rooms_import_each_other_in_a_circle() -> None:
    TopologicalSorter(ARROWS).prepare()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        name: {other for other in modules_imported(path) if other in MODULES} - {name}
        for name, path in MODULES.items()
        # Its names are imported when they are first used; nothing inside imports them from there.
        if name != "runtime"
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def public_names(package: str) -> set[str]:
    for node in ast.parse(MODULES[package].read_text()).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def is_generated(name: str, module: str) -> bool:
    """Whether a module of the room of the wire imports the generated classes, as it alone may."""
    return name.startswith("runtime.wire") and module.startswith("runtime.wire.generated.")


def private_imports(name: str, path: Path) -> Iterator[str]:
    """Yield what a file imports of another folder beside the names in its `__init__`."""
    for module, what in imported(path):
        if not module.startswith("runtime.") or is_generated(name, module):
            continue
        target = f"{module}.{what}" if f"{module}.{what}" in MODULES else module
        if module in PACKAGES and what in public_names(module):
            target = module  # a name in `__init__` hides the module of that name
        package = target if target in PACKAGES else target.rpartition(".")[0]
        if package == "runtime" or f"{name}.".startswith(f"{package}.") or target in OPEN_MODULES:
            continue
        if target not in PACKAGES or (what and what not in public_names(package)):
            yield f"{name} imports {what or target} of {module}"


@pytest.mark.parametrize("name", MODULES)
def test_a_folder_is_imported_by_the_names_in_its_init(name: str) -> None:
    assert list(private_imports(name, MODULES[name])) == []


@pytest.mark.parametrize("name", TESTS)
def test_tests_import_the_inner_modules_of_their_own_room_only(name: str) -> None:
    private = private_imports(name, TESTS[name])
    room = f"{name}.".split(".")[1]
    assert [each for each in private if not room or f" of runtime.{room}" not in each] == []


def test_actors_import_nothing_of_runtime() -> None:
    assert not any(name.startswith("actors") for name in importers("runtime"))


def test_one_room_alone_imports_iceoryx2() -> None:
    assert importers("iceoryx2") == {"runtime.links.shared.memory"}


def test_one_room_alone_imports_the_libraries_of_the_http_port() -> None:
    for library in ("h11", "hypercorn", "prometheus_client", "starlette", "wsproto"):
        # Pages are applications for that port.
        pages = ("runtime.console.", "runtime.talk.") if library == "starlette" else ()
        assert importers(library)
        rooms = ("runtime.http.", *pages)
        assert all(name.startswith(rooms) for name in importers(library)), library


def test_one_folder_alone_imports_aiortc() -> None:
    assert importers("aiortc")
    assert all(name.startswith("runtime.talk.webrtc.") for name in importers("aiortc"))


def test_one_module_alone_imports_opentelemetry() -> None:
    assert importers("opentelemetry") == {"runtime.tracing.otlp"}


def test_the_process_of_the_driver_and_the_workers_alone_import_ray() -> None:
    assert importers("ray") == {
        "runtime.executors.ray.driver_main",
        "runtime.socket_process.ray.worker",
    }


def test_the_adapter_and_the_two_ends_alone_import_grpclib_and_h2_and_asyncio() -> None:
    places = "runtime.service", "runtime.client", "runtime.wire.grpclib_adapter"
    # Applications, nodes and tests may run on asyncio.
    others = (
        *("runtime.aio", "runtime.execution.asyncio_hooks", "runtime.testing.asyncio_run"),
        "runtime.talk.webrtc.",
    )
    assert all(name.startswith((*places, *others)) for name in importers("asyncio"))
    assert all(name.startswith(places) for name in importers("grpclib") | importers("h2"))


def test_the_client_knows_in_one_place_alone_that_there_is_trio() -> None:
    clients = {name for name in importers("trio") if name.startswith("runtime.client")}
    assert clients == {"runtime.client.bridge"}


@pytest.mark.parametrize(
    "room", ["config", "documents", "errors", "events", "manifest", "plan", "wire"]
)
def test_what_is_known_before_a_session_needs_no_trio(room: str) -> None:
    assert not any(name.startswith(f"runtime.{room}") for name in importers("trio"))


@pytest.mark.parametrize("module", MODULES.values(), ids=MODULES)
def test_no_module_is_longer_than_a_reader_likes(module: Path) -> None:
    assert len(module.read_text().splitlines()) <= 400


def test_importing_runtime_loads_nothing_heavy() -> None:
    heavy = "numpy", "trio", "pydantic", "iceoryx2", "rich", "typer"
    code = f"import sys, runtime; print([m for m in {heavy!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert result.stdout.strip() == "[]"
