"""Whoever waits for a pipe can be called off from another thread, at any moment."""

import os
import threading
from collections.abc import Callable

import pytest

from runtime.media import InterruptedReadError
from runtime.media.byte_input import ByteInput
from runtime.media.byte_output import ByteOutput

_ROUNDS = 2000


def open_input() -> tuple[ByteInput, int]:
    reading, writing = os.pipe()
    return ByteInput(reading, "pipe"), writing


def open_output() -> tuple[ByteOutput, int]:
    reading, writing = os.pipe()
    return ByteOutput(writing, "pipe"), reading


def test_a_read_that_waits_ends_when_it_is_interrupted() -> None:
    source, writing = open_input()
    caller = threading.Thread(target=source.interrupt)
    caller.start()
    with pytest.raises(InterruptedReadError):
        source.read(1)
    caller.join()
    source.close()
    os.close(writing)


@pytest.mark.parametrize("opened", [open_input, open_output])
def test_an_interrupt_that_meets_the_end_of_the_file_does_nothing(
    opened: Callable[[], tuple[ByteInput | ByteOutput, int]],
) -> None:
    # Written after the close, it would go to whatever file had the number by then.
    together = threading.Barrier(2)
    files: list[ByteInput | ByteOutput] = []

    def close_all() -> None:
        for _ in range(_ROUNDS):
            together.wait()
            files[-1].close()
            together.wait()

    closer = threading.Thread(target=close_all)
    closer.start()
    failures = 0
    for _ in range(_ROUNDS):
        file, other_end = opened()
        files.append(file)
        together.wait()
        try:
            file.interrupt()
        except OSError:
            failures += 1
        together.wait()
        os.close(other_end)
    closer.join()
    assert failures == 0
