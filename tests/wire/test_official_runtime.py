"""betterproto2 and the official protobuf runtime read the same in what either of them writes."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

import runtime.wire
from tests.wire.contract import MESSAGES
from tests.wire.trees import make_official, make_ours, read_official, read_ours, trees

Official = Callable[[str], Any]


@pytest.mark.parametrize("name", MESSAGES)
def test_both_runtimes_agree(name: str, official: Official) -> None:
    theirs, ours = official(name), getattr(runtime.wire, name)

    @settings(max_examples=25, deadline=None)
    @given(trees(theirs.DESCRIPTOR))
    def agree(tree: dict[str, Any]) -> None:
        message = make_official(theirs(), tree)
        read = read_official(message)
        written = message.SerializeToString(deterministic=True)

        # From theirs to ours: the same values, and the same bytes again.
        parsed = ours.parse(written)
        assert read_ours(theirs.DESCRIPTOR, parsed) == read
        assert bytes(parsed) == written

        # From ours to theirs. The order of a map's entries is free, and so is not compared.
        made = make_ours(theirs.DESCRIPTOR, ours, tree)
        assert read_official(theirs.FromString(bytes(made))) == read
        assert made == parsed
        assert len(bytes(made)) == len(written)

    agree()


UNKNOWN = b"\xd2\x0f\x03new" + b"\xd8\x0f\x2a"  # fields 250 and 251 of some later version


@pytest.mark.parametrize("name", MESSAGES)
def test_fields_of_a_later_version_are_kept(name: str, official: Official) -> None:
    theirs, ours = official(name), getattr(runtime.wire, name)
    assert read_ours(theirs.DESCRIPTOR, ours.parse(UNKNOWN)) == read_official(theirs())
    assert bytes(ours.parse(UNKNOWN)) == theirs.FromString(UNKNOWN).SerializeToString() == UNKNOWN


def test_a_list_of_numbers_may_come_unpacked(official: Official) -> None:
    unpacked = b"\x10\x03\x12\x02\x04\x05\x10\x06"
    shape = [3, 4, 5, 6]
    assert list(official("TensorBuffer").FromString(unpacked).shape) == shape
    assert runtime.wire.TensorBuffer.parse(unpacked).shape == shape


def test_text_that_is_not_utf_8_is_refused(official: Official) -> None:
    wrong = b"\x0a\x01\xff"
    with pytest.raises(Exception, match="UTF-8"):
        official("Hello").FromString(wrong)
    with pytest.raises(UnicodeDecodeError):
        runtime.wire.Hello.parse(wrong)


def test_a_member_of_a_oneof_is_set_even_if_it_is_empty() -> None:
    decision = runtime.wire.InterceptDecision(pass_=runtime.wire.Empty())
    assert bytes(decision) == b"\x0a\x00"
    assert runtime.wire.InterceptDecision.parse(b"\x0a\x00").pass_ is not None
