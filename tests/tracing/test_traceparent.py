"""The header traceparent: strict, and no value of it is an error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.tracing import parse_traceparent, traceparent_of


@given(st.integers(1, 2**128 - 1), st.integers(1, 2**64 - 1), st.booleans())
def test_what_we_write_is_what_we_read(trace: int, span: int, is_sampled: bool) -> None:
    text = traceparent_of(f"{trace:032x}", f"{span:016x}", is_sampled=is_sampled)
    parent = parse_traceparent(text)
    assert parent is not None
    assert (parent.trace_id, parent.span_id, parent.is_sampled) == (trace, span, is_sampled)


@given(st.text() | st.text("0123456789abcdefABCDEF-", min_size=50, max_size=60))
def test_any_text_is_read_without_an_error(text: str) -> None:
    parent = parse_traceparent(text)
    if parent is not None:
        again = traceparent_of(
            f"{parent.trace_id:032x}", f"{parent.span_id:016x}", is_sampled=parent.is_sampled
        )
        assert again[2:53] == text[2:53]


@pytest.mark.parametrize(
    ("flags", "is_sampled"), [("00", False), ("01", True), ("02", False), ("ff", True)]
)
def test_bit_0_of_the_flags_counts(flags: str, is_sampled: bool) -> None:
    parent = parse_traceparent(f"00-{'a' * 32}-{'b' * 16}-{flags}")
    assert parent is not None
    assert parent.is_sampled is is_sampled


def test_a_later_version_may_have_more_fields() -> None:
    known = f"{'a' * 32}-{'b' * 16}-01"
    assert parse_traceparent(f"cc-{known}") is not None
    assert parse_traceparent(f"cc-{known}-what-ever") is not None
    assert parse_traceparent(f"cc-{known}.what") is None
    assert parse_traceparent(f"00-{known}\n") is None
