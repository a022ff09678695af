"""A log that nobody reads: it is written as far as it goes, and nothing else depends on it."""

import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from runtime.config import Log
from runtime.logs import log_written

_log = logging.getLogger("millrace.test")


@contextmanager
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    try:
        yield reading, writing
    finally:
        for each in (reading, writing):
            try:
                os.close(each)
            except OSError:
                continue


def read_to_end(reading: int) -> str:
    with open(reading, "rb", closefd=False) as stream:
        return stream.read().decode()


def test_what_a_full_pipe_does_not_take_is_lost_and_the_block_ends() -> None:
    with pipe() as (_reading, writing), open(writing, "w", closefd=False) as stream:
        with log_written(Log(), stream):
            for number in range(50_000):
                _log.error("entry %d", number)
        assert not any(each.name == "log writer" for each in threading.enumerate())


def test_when_the_log_is_read_again_an_entry_tells_how_many_were_lost() -> None:
    count = 50_000
    with pipe() as (reading, writing), open(writing, "w", closefd=False) as stream:
        texts: list[str] = []
        reader = threading.Thread(target=lambda: texts.append(read_to_end(reading)))
        with log_written(Log(format="json"), stream):
            for number in range(count):
                _log.error("entry %d", number)
            reader.start()
        os.close(writing)
        reader.join()
    entries = [json.loads(line) for line in texts[0].splitlines()]
    written = [each["event"] for each in entries if each["logger"] == "millrace.test"]
    (lost,) = [each for each in entries if each["logger"] == "millrace.log"]
    assert lost["level"] == "warning"
    assert lost["event"] == "log entries were lost: standard error was not read in time"
    assert written == [f"entry {number}" for number in range(len(written))]
    assert len(written) + lost["lost"] == count


def log_much() -> None:
    for _ in range(20):
        _log.info("x" * 5000)


def test_entries_of_several_threads_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as stream, log_written(Log(), stream):
        threads = [threading.Thread(target=log_much) for _ in range(4)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
    lines = path.read_text().splitlines()
    assert len(lines) == 80
    assert all(re.fullmatch(r"\S+ INFO +millrace\.test x{5000}", line) for line in lines)


def test_a_reader_that_has_gone_is_no_error() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream, log_written(Log(), stream):
        os.close(reading)
        for _ in range(100):
            _log.info("nobody reads this")


def test_more_than_200_entries_of_a_node_in_a_second_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as stream, log_written(Log(format="json"), stream):
        for number in range(5000):
            logging.getLogger("millrace.node.a").info("%d", number, extra={"node": "a"})
        logging.getLogger("millrace.node.a").warning("a warning", extra={"node": "a"})
        logging.getLogger("millrace.node.b").info("another node", extra={"node": "b"})
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    of_a = [each for each in entries if each["node"] == "a"]
    assert {"a warning", "another node"} <= {each["event"] for each in entries}
    left_out = [each for each in of_a if "left_out" in each]
    assert left_out
    assert left_out[0]["event"] == "more entries than 200 in a second were left out"
    plain = [each for each in of_a if each["level"] == "info" and "left_out" not in each]
    assert len(plain) + sum(each["left_out"] for each in left_out) == 5000


def test_more_than_200_entries_of_an_event_of_the_runtime_are_counted_but_no_error(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    log = logging.getLogger("millrace.session")
    with path.open("w") as stream, log_written(Log(format="json"), stream):
        for number in range(5000):
            log.warning("session refused", extra={"session": f"s{number}"})
            if number < 300:
                log.error("another fault", extra={"number": number})
        log.warning("node failed", extra={"session": "s"})
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    refused = [each for each in entries if each["event"] == "session refused"]
    left_out = [each for each in entries if each.get("of") == "session refused"]
    assert len(refused) + sum(each["left_out"] for each in left_out) == 5000
    assert len(refused) < 5000
    assert not any("session" in each for each in left_out)
    assert sum(each["event"] == "another fault" for each in entries) == 300
    assert sum(each["event"] == "node failed" for each in entries) == 1


def test_what_is_left_out_is_reported_although_nothing_more_is_logged() -> None:
    reading, writing = os.pipe()
    with open(writing, "w") as stream, log_written(Log(), stream), open(reading) as lines:
        for number in range(300):
            logging.getLogger("millrace.node.a").info("%d", number)
        found = next(line for line in lines if "left_out=" in line)
    assert found.endswith("more entries than 200 in a second were left out left_out=100\n")


def test_an_event_that_cannot_be_formatted_is_an_entry_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # those of pytest raise the error
    path = tmp_path / "log"
    with path.open("w") as stream, log_written(Log(), stream):
        _log.warning("%d items", "three")
        _log.warning("after it")
    first, second = path.read_text().splitlines()
    assert "an entry cannot be formatted: TypeError: %d format" in first
    assert second.endswith("after it")
