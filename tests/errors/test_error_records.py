"""An error keeps its class and everything it knows, from a node process to a client."""

from collections.abc import Callable

import msgspec
import pytest

from runtime import errors
from runtime.errors import ErrorRecord, HookError, ManifestError, MillraceError, NodeError
from runtime.execution.process import Failure
from runtime.wire.conversion import error_message, error_of
from tests.errors.every_error import EVERY_ERROR


def from_process_to_server(error: MillraceError) -> MillraceError:
    sent = msgspec.msgpack.encode(Failure(ErrorRecord.of(error)))
    return msgspec.msgpack.decode(sent, type=Failure).error.to_error(NodeError)


def from_server_to_client(error: MillraceError) -> MillraceError:
    message = type(error_message(error)).parse(bytes(error_message(error)))
    return error_of(message)


def both_trips(error: MillraceError) -> MillraceError:
    return from_server_to_client(from_process_to_server(error))


TRIPS = [from_process_to_server, from_server_to_client, both_trips]


@pytest.mark.parametrize("trip", TRIPS)
@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: type(error).__name__)
def test_an_error_arrives_with_its_class_and_everything_it_knows(
    trip: Callable[[MillraceError], MillraceError], error: MillraceError
) -> None:
    arrived = trip(error)
    assert type(arrived) is type(error)
    assert str(arrived) == str(error)
    known = {**vars(error), "node_id": error.node_id, "stack_trace": error.stack_trace}
    assert vars(arrived) == known


def test_every_class_of_the_tree_is_tested() -> None:
    declared = {
        each
        for each in vars(errors).values()
        if isinstance(each, type) and issubclass(each, MillraceError)
    }
    assert {type(error) for error in EVERY_ERROR} == declared


def test_a_record_has_a_field_for_every_detail_of_every_class() -> None:
    details = {name for error in EVERY_ERROR for name in type(error).details}
    assert details == set(ErrorRecord.__struct_fields__[4:])


def test_a_class_outside_the_tree_arrives_as_its_nearest_class_of_the_tree() -> None:
    class OwnError(ManifestError):
        pass

    arrived = from_process_to_server(OwnError([errors.Fault("where", "what")]))
    assert type(arrived) is ManifestError
    assert arrived.faults == (errors.Fault("where", "what"),)


def test_an_unknown_class_arrives_as_the_class_that_the_receiver_expects() -> None:
    arrived = ErrorRecord(error="NewError", text="text", node_id="n").to_error(NodeError)
    assert type(arrived) is NodeError
    assert (str(arrived), arrived.node_id) == ("text", "n")


@pytest.mark.parametrize("trip", TRIPS)
def test_every_text_is_cut_with_a_note_of_how_much(
    trip: Callable[[MillraceError], MillraceError],
) -> None:
    def failing() -> None:
        raise ValueError("bad request: " + "A" * 5_000_000 + " the end")

    try:
        failing()
    except ValueError as caught:
        error = HookError.of("n", "process", caught)
    arrived = trip(error)
    assert isinstance(arrived, HookError)
    assert str(arrived).startswith("node 'n': process() raised ValueError: bad request: AAAA")
    assert str(arrived).endswith("A the end")
    assert str(arrived).count("characters cut]") == 1
    assert str(arrived) == str(error)
    assert len(str(arrived)) <= errors.MAX_ERROR_CHARACTERS
    assert "in failing" in arrived.stack_trace
    assert len(arrived.stack_trace) <= errors.MAX_TRACE_CHARACTERS


def test_a_record_of_a_sender_that_cuts_nothing_is_cut_on_arrival() -> None:
    text = "x" * 1_000_000
    record = ErrorRecord("HookError", text, "n", text, message=text, detail=text)
    arrived = record.to_error(NodeError)
    assert isinstance(arrived, HookError)
    for each in (str(arrived), arrived.message, arrived.detail):
        assert len(each) <= errors.MAX_ERROR_CHARACTERS
    assert len(arrived.stack_trace) <= errors.MAX_TRACE_CHARACTERS


@pytest.mark.parametrize("kind", [errors.ManifestError, errors.ConfigError])
def test_an_error_of_a_document_cuts_its_faults(
    kind: type[errors.ManifestError | errors.ConfigError],
) -> None:
    error = kind([errors.Fault("w" * 1_000_000, "m" * 1_000_000)] * 50)
    assert len(str(error)) <= errors.MAX_ERROR_CHARACTERS
    assert all(len(str(fault)) <= errors.MAX_ERROR_CHARACTERS for fault in error.faults)
