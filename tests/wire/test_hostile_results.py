"""What another server sends as results is checked before anybody reads it."""

import math

import pytest

from actors import Bundle, Json, Text
from runtime.errors import InputError
from runtime.events import Result
from runtime.wire import ChunkResult
from runtime.wire.conversion import BundleBuilder, buffer_of, results_of


@pytest.mark.parametrize("milliseconds", [math.nan, math.inf, -1.0, 1e300])
def test_a_latency_is_a_time(milliseconds: float) -> None:
    message = ChunkResult(data_outputs={"a": buffer_of(Text("x"))}, processing_time_ms=milliseconds)
    with pytest.raises(InputError, match="processing_time_ms"):
        list(results_of(message))


def test_a_message_has_a_bounded_number_of_outputs() -> None:
    buffer = buffer_of(Text("x"))
    message = ChunkResult(data_outputs={f"n{number}": buffer for number in range(1025)})
    with pytest.raises(InputError, match="1025 outputs"):
        list(results_of(message))


def member(name: str, sequence: int = 0) -> Result:
    metadata = {"port": name} if name else {}
    return Result("a", Text(name, metadata=metadata), sequence, 0, 0.0)


def test_members_that_come_together_are_a_bundle() -> None:
    builder = BundleBuilder()
    assert builder.add(member("x"), 2) is None
    result = builder.add(Result("a", Json(1, metadata={"port": "y"}), 0, 0, 0.0), 2)
    assert result is not None
    assert result.data == Bundle({"x": Text("x"), "y": Json(1)})
    plain = member("")
    assert builder.add(plain, 0) is plain


@pytest.mark.parametrize(
    "sent",
    [
        [("x", 0, 2), ("x", 0, 2)],
        [("x", 0, 2), ("y", 1, 2)],
        [("x", 0, 2), ("y", 0, 3)],
        [("x", 0, 2), ("", 0, 0)],
        [("", 0, 1)],
        [("x", 0, 1025)],
    ],
    ids=["twice", "of another chunk", "of another size", "none", "no name", "too many"],
)
def test_members_that_do_not_belong_together_are_refused(sent: list[tuple[str, int, int]]) -> None:
    builder = BundleBuilder()
    with pytest.raises(InputError):
        for name, sequence, size in sent:
            builder.add(member(name, sequence), size)
