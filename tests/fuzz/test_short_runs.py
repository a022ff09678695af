"""A short seeded run of each target; longer ones are for `python -m tests.fuzz`."""

import pytest

from tests.fuzz.runner import TARGETS, fuzz

EXAMPLES = {"http2": 15, "doorbells": 40, "wire_messages": 20}


@pytest.mark.parametrize("name", TARGETS)
def test_random_input_has_a_documented_outcome(name: str) -> None:
    assert fuzz(name, seed=1, examples=EXAMPLES.get(name, 60)).examples
