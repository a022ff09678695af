"""Every error of ours has its place in the contract."""

from collections.abc import Iterator
from typing import Any

import pytest
from grpclib.const import Status

import runtime.errors
from runtime import wire as protocol
from runtime.errors import CallerError, ErrorType, MillraceError, NodeError
from runtime.service.call_errors import CallError, RequestError, status_of
from runtime.wire.conversion import error_message, error_of


def tree(root: type[MillraceError] = MillraceError) -> Iterator[type[MillraceError]]:
    yield root
    for each in root.__subclasses__():
        yield from tree(each)


OURS = sorted({each for each in tree() if each.__module__ == "runtime.errors.tree"}, key=str)
# What a client is told of each class.
TABLE: dict[str, tuple[str, Status]] = {
    "MillraceError": ("INTERNAL", Status.INTERNAL),
    "OperationalError": ("INTERNAL", Status.INTERNAL),
    "InternalError": ("INTERNAL", Status.INTERNAL),
    "CallerError": ("VALIDATION", Status.INVALID_ARGUMENT),
    "ManifestError": ("VALIDATION", Status.INVALID_ARGUMENT),
    "ConfigError": ("INTERNAL", Status.INTERNAL),
    "InputError": ("VALIDATION", Status.INVALID_ARGUMENT),
    "InputKindError": ("TYPE_VALIDATION", Status.INVALID_ARGUMENT),
    "UnknownNodeError": ("VALIDATION", Status.INVALID_ARGUMENT),
    "LimitError": ("RESOURCE_LIMIT", Status.RESOURCE_EXHAUSTED),
    "ServerFullError": ("RESOURCE_LIMIT", Status.RESOURCE_EXHAUSTED),
    "ShutdownError": ("INTERNAL", Status.UNAVAILABLE),
    "SharedMemoryError": ("RESOURCE_LIMIT", Status.RESOURCE_EXHAUSTED),
    "MemoryLimitError": ("RESOURCE_LIMIT", Status.RESOURCE_EXHAUSTED),
    "AuthenticationError": ("AUTHENTICATION", Status.UNAUTHENTICATED),
    "VersionMismatchError": ("VERSION_MISMATCH", Status.FAILED_PRECONDITION),
    "SessionClosedError": ("VALIDATION", Status.INVALID_ARGUMENT),
    "PipelineError": ("INTERNAL", Status.INTERNAL),
    "SessionKilledError": ("INTERNAL", Status.INTERNAL),
    "NodeError": ("NODE_EXECUTION", Status.ABORTED),
    "HookError": ("NODE_EXECUTION", Status.ABORTED),
    "KindError": ("TYPE_VALIDATION", Status.INVALID_ARGUMENT),
    "InitTimeoutError": ("NODE_EXECUTION", Status.ABORTED),
    "ProcessExitError": ("NODE_EXECUTION", Status.ABORTED),
    "ProcessTimeoutError": ("NODE_EXECUTION", Status.ABORTED),
    "ExecutorError": ("INTERNAL", Status.INTERNAL),
    "SpawnError": ("NODE_EXECUTION", Status.ABORTED),
    "ServerError": ("INTERNAL", Status.INTERNAL),
    "UnreachableError": ("INTERNAL", Status.INTERNAL),
}
FIELDS: dict[str, Any] = {
    "faults": (),
    "message": "it failed",
    "detail": "it failed",
    "hook": "process",
    "exception_type": "ValueError",
    "exit_status": 1,
    "signal_name": "",
    "limit_bytes": 5,
}


def made(kind: type[MillraceError]) -> MillraceError:
    """Make an error of a class, whatever its constructor takes."""
    error = kind.__new__(kind)
    error.args = ("it failed",)
    error.node_id = "a" if issubclass(kind, NodeError) else ""
    for name, value in FIELDS.items():
        setattr(error, name, value)
    return error


def test_the_table_has_every_error() -> None:
    assert {each.__name__ for each in OURS} == set(TABLE)


@pytest.mark.parametrize("kind", OURS, ids=lambda kind: kind.__name__)
def test_an_error_has_its_place(kind: type[MillraceError]) -> None:
    error = made(kind)
    type_name, status = TABLE[kind.__name__]
    message = error_message(error)
    assert protocol.ErrorType(message.error_type).name == type_name
    assert message.message == "it failed"
    assert message.failing_node_id == error.node_id
    assert status_of(error) is status
    assert type(error_of(message)) is kind


def test_error_types_are_the_contract_s() -> None:
    ours = {each.name: each.value for each in ErrorType}
    assert ours == {str(each.name): each.value for each in protocol.ErrorType}


@pytest.mark.parametrize("kind", [RequestError])
def test_the_service_s_own_errors_have_theirs(kind: type[MillraceError]) -> None:
    expected = "VALIDATION" if issubclass(kind, CallerError) else "INTERNAL"
    assert protocol.ErrorType(error_message(kind("x")).error_type).name == expected
    assert status_of(CallError(Status.UNAVAILABLE, "x")) is Status.UNAVAILABLE


def test_every_error_is_found_in_one_module() -> None:
    assert all(getattr(runtime.errors, each.__name__) is each for each in OURS)
