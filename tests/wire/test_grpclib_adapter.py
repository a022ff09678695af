"""The private names of grpclib and h2 exist in the installed releases, and stay in one folder."""

import ast
import asyncio
import inspect
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import h2.config
import h2.connection
import pytest
from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.protocol import AbstractHandler, H2Protocol

import runtime.wire.grpclib_adapter
from runtime.wire.codec import Codec
from runtime.wire.grpclib_adapter import PRIVATE_NAMES, PrivateName

ADAPTER = Path(runtime.wire.grpclib_adapter.__file__).parent
RUNTIME = ADAPTER.parents[1]
LIBRARIES = "grpclib", "h2"


class Transport(asyncio.Transport):
    """A socket that is always open, and sends nowhere."""

    def write(self, data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return False


class Unanswered(AbstractHandler):
    """Accepts calls, and answers none."""

    def accept(self, stream: Any, headers: Any, release_stream: Any) -> None:
        pass

    def cancel(self, stream: Any) -> None:
        pass

    def close(self) -> None:
        pass


async def specimens() -> dict[str, Any]:
    """Return an object of each class that the adapter uses, in the state in which it uses it."""
    channel = Channel(codec=Codec())  # type: ignore[arg-type]
    h2_configuration = h2.config.H2Configuration(client_side=False)
    protocol = H2Protocol(Unanswered(), Configuration().__for_test__(), h2_configuration)
    protocol.connection_made(Transport())
    request = _request()
    protocol.data_received(request)
    (stream,) = protocol.processor.streams.values()
    h2_connection = protocol.connection._connection
    (h2_stream,) = h2_connection.streams.values()
    channel.close()
    return {
        "grpclib.config.Configuration": Configuration(),
        "grpclib.protocol.Connection": protocol.connection,
        "grpclib.protocol.Stream": stream,
        "grpclib.protocol.EventsProcessor": protocol.processor,
        "grpclib.client.Channel": channel,
        "h2.connection.H2Connection": h2_connection,
        "h2.stream.H2Stream": h2_stream,
        "h2.connection.H2ConnectionStateMachine": h2_connection.state_machine,
        "h2.stream.H2StreamStateMachine": h2_stream.state_machine,
        "h2.windows.WindowManager": h2_stream._inbound_window_manager,
    }


def _request() -> bytes:
    client = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="ascii"))
    client.initiate_connection()
    headers = {":method": "POST", ":scheme": "http", ":path": "/a/b", ":authority": "a"}
    client.send_headers(1, list({**headers, "te": "trailers"}.items()))
    return client.data_to_send()


def complaint(private: PrivateName, specimen: object) -> str | None:
    """Return what is wrong with a name; None where the library still has it."""
    library = private.owner.partition(".")[0]
    if hasattr(specimen, private.name) or _is_parameter(private, specimen):
        return None
    return (
        f"{library} {version(library)} changed {private.owner}.{private.name}, "
        f"which Millrace uses for {private.purpose}"
    )


def _is_parameter(private: PrivateName, specimen: object) -> bool:
    function = getattr(specimen, "send_request", None)
    return function is not None and private.name in inspect.signature(function).parameters


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return asyncio.run(specimens())


@pytest.mark.parametrize("private", PRIVATE_NAMES, ids=lambda each: f"{each.owner}.{each.name}")
def test_the_installed_release_has_each_private_name(
    private: PrivateName, found: dict[str, Any]
) -> None:
    assert complaint(private, found[private.owner]) is None


def test_a_release_that_changes_a_name_is_reported_with_its_use() -> None:
    private = PrivateName("grpclib.client.Channel", "_scheme", "the headers of a call")
    assert complaint(private, object()) == (
        f"grpclib {version('grpclib')} changed grpclib.client.Channel._scheme, "
        "which Millrace uses for the headers of a call"
    )


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def foreign_names(path: Path) -> Iterator[str]:
    """Yield the private names that a file uses of other objects than its own."""
    tree = ast.parse(path.read_text())
    own = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    }
    own |= {  # declared by a class, and set by those that extend it
        node.target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name)
    }
    own |= {
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            receiver = ast.unparse(node.value)
            if receiver not in {"self", "cls"} or node.attr not in own:
                yield node.attr
        elif isinstance(node, ast.keyword) and is_private(node.arg or ""):
            yield str(node.arg)


def imports_of_libraries(path: Path) -> set[str]:
    """Return the names that a file has imported of grpclib and h2."""
    return {
        alias.asname or alias.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in LIBRARIES
        for alias in node.names
    }


@pytest.mark.parametrize("path", sorted(ADAPTER.glob("*.py")), ids=lambda path: path.name)
def test_the_list_has_every_private_name_in_use(path: Path) -> None:
    assert set(foreign_names(path)) <= {private.name for private in PRIVATE_NAMES}


@pytest.mark.parametrize(
    "path",
    [path for end in ("client", "service") for path in sorted((RUNTIME / end).glob("*.py"))],
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_the_ends_use_no_private_name_and_extend_no_class_of_the_libraries(path: Path) -> None:
    assert list(foreign_names(path)) == []
    imported = imports_of_libraries(path)
    bases = {
        ast.unparse(base).partition("[")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ClassDef)
        for base in node.bases
    }
    # An extended class has all private names of its base as its own.
    assert bases & imported == set()
