"""Large payloads are copied in steps, whatever their layout."""

import numpy as np
import pytest

from actors import Array
from runtime.links.shared.copying import copied_in_steps

MIB = 2**20
CHANCE = np.random.default_rng(5)
BYTES = CHANCE.integers(0, 256, 6 * MIB, np.uint8)


@pytest.mark.parametrize(
    ("source", "order"),
    [
        (BYTES, "C"),
        (BYTES.reshape(3, -1), "C"),
        (np.asfortranarray(BYTES.reshape(1024, 3, -1)), "F"),
        (BYTES[::2], "C"),
        (BYTES.reshape(3, 2048, 1024)[:, ::2, ::-1], "C"),
        (BYTES.view(np.float64).reshape(-1, 2).T, "C"),
    ],
    ids=["bytes", "few rows", "Fortran", "every other", "strided", "transposed"],
)
def test_an_array_is_copied_in_steps(source: Array, order: str) -> None:
    target = np.empty(source.shape, source.dtype, order=order)  # type: ignore[call-overload]

    pauses = sum(1 for _ in copied_in_steps([(target, source)]))

    assert target.tobytes() == source.tobytes()
    assert pauses


def test_several_small_arrays_and_an_empty_one_are_copied() -> None:
    sources = [BYTES[:10], BYTES[:0], BYTES[5:9].reshape(2, 2)]
    targets = [np.empty_like(source) for source in sources]

    list(copied_in_steps(list(zip(targets, sources, strict=True))))

    for target, source in zip(targets, sources, strict=True):
        assert np.array_equal(target, source)
