"""The codec reads and writes exactly what the official runtime does."""

import random
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import runtime.wire
from runtime.wire.codec import Codec, DecodeError
from tests.wire.agreement import assert_same_decision, either_form, official_message
from tests.wire.contract import MESSAGES
from tests.wire.every_type import EveryType, Nest, official_classes
from tests.wire.mutations import mutated
from tests.wire.trees import make_official, make_ours, read_official, read_ours, trees

Official = Callable[[str], Any]


@pytest.fixture(scope="module")
def every_type() -> Any:
    return official_classes()["EveryType"]


@pytest.fixture(scope="module")
def nest() -> Any:
    return official_classes()["Nest"]


@pytest.mark.parametrize("name", MESSAGES)
def test_the_codec_agrees_with_the_official_runtime(
    name: str, official: Official, codec: Codec
) -> None:
    assert_both_agree(codec, official(name), getattr(runtime.wire, name))


@pytest.mark.parametrize("name", MESSAGES)
def test_the_codec_takes_and_refuses_what_the_official_runtime_does(
    name: str, official: Official, codec: Codec
) -> None:
    assert_both_decide_alike(codec, official(name), getattr(runtime.wire, name))


def test_the_codec_agrees_on_every_type_of_field(every_type: Any, codec: Codec) -> None:
    assert_both_agree(codec, every_type, EveryType)
    assert_both_decide_alike(codec, every_type, EveryType, examples=100)


def test_messages_may_be_nested_100_times(nest: Any, codec: Codec) -> None:
    message = Nest()
    for _ in range(100):
        message = Nest(inner=message)
    deepest = codec.encode(message)
    assert nest.FromString(deepest).SerializeToString() == deepest
    assert codec.decode(deepest, Nest) == message
    deeper = codec.encode(Nest(inner=message))
    assert official_message(nest, deeper) is None
    with pytest.raises(DecodeError, match=r"Nest, at byte \d+: more than 100 levels of nesting"):
        codec.decode(deeper, Nest)


def assert_both_agree(codec: Codec, theirs: Any, ours: Any) -> None:
    """Fail unless both write the same bytes of any message, and read the same of them."""

    @settings(max_examples=25, deadline=None)
    @given(trees(theirs.DESCRIPTOR))
    def agree(tree: dict[str, Any]) -> None:
        message = make_official(theirs(), tree)
        written = message.SerializeToString(deterministic=True)
        received = codec.decode(either_form(written), ours)
        assert read_ours(theirs.DESCRIPTOR, received) == read_official(message)
        assert codec.encode(received, ours) == written

        made = make_ours(theirs.DESCRIPTOR, ours, tree)
        encoded = codec.encode(made, ours)
        # The order of a map's entries is free, and ours is that of the dict.
        assert theirs.FromString(encoded).SerializeToString(deterministic=True) == written
        assert codec.encode_prefixed(made) == struct.pack(">BI", 0, len(encoded)) + encoded

    agree()


def assert_both_decide_alike(codec: Codec, theirs: Any, ours: Any, examples: int = 15) -> None:
    """Fail unless both take the same damaged bytes, and refuse the same."""

    def written(tree: dict[str, Any]) -> bytes:
        encoded = make_official(theirs(), tree).SerializeToString(deterministic=True)
        return bytes(encoded)

    @settings(max_examples=examples, deadline=None)
    @given(trees(theirs.DESCRIPTOR), trees(theirs.DESCRIPTOR), st.integers(0, 2**32))
    def agree(tree: dict[str, Any], other: dict[str, Any], seed: int) -> None:
        chance, first, second = random.Random(seed), written(tree), written(other)
        for _ in range(20):
            assert_same_decision(codec, mutated(first, second, chance), theirs, ours)

    agree()
