import logging
from pathlib import Path

import pytest

from runtime.media import FileKind, MediaError, RawFormat, open_sink, open_source
from tests.corpus.media import MEDIA, Situation
from tests.corpus.outcomes import Refused
from tests.corpus.written import WRITTEN, Written


def read(situation: Situation, folder: Path):
    path = folder / situation.name
    path.write_bytes(situation.content())
    kind = None if situation.kind is None else FileKind(situation.kind)
    raw = None if situation.raw is None else RawFormat.parse(situation.raw)
    source = open_source(str(path), kind=kind, raw=raw)
    try:
        source.check()
        return list(source)
    finally:
        source.close()


@pytest.mark.parametrize(
    "situation", MEDIA, ids=lambda situation: f"{situation.name}: {situation.what}"
)
def test_a_file_is_read_or_refused_as_its_line_gives_it(situation, tmp_path, caplog):
    if situation.needs_av:
        pytest.importorskip("av", reason="needs the extra `media`")
    outcome = situation.outcome
    with caplog.at_level(logging.WARNING, "millrace.media"):
        if isinstance(outcome, Refused):
            with pytest.raises(MediaError) as caught:
                read(situation, tmp_path)
            outcome.check_error(caught.value)
        else:
            outcome.check(read(situation, tmp_path))
    warnings = [record.getMessage() for record in caplog.records]
    if outcome.warning:
        assert any(outcome.warning in warning for warning in warnings), warnings
    elif situation.name.endswith((".wav", ".raw")):
        assert warnings == []


@pytest.mark.parametrize("line", WRITTEN, ids=lambda line: f"{line.name}: {line.what}")
def test_results_are_written_or_refused_as_their_line_gives_it(line, tmp_path, caplog):
    pytest.importorskip("av", reason="needs the extra `media`")
    path = tmp_path / line.name
    with caplog.at_level(logging.WARNING, "millrace.media"):
        if isinstance(line.outcome, Refused):
            with pytest.raises(MediaError) as caught:
                write(line, path)
            line.outcome.check_error(caught.value)
        else:
            write(line, path)
            source = open_source(str(path))
            try:
                line.outcome.check(list(source))
            finally:
                source.close()
    warnings = [record.getMessage() for record in caplog.records]
    assert any(line.outcome.warning in warning for warning in ["", *warnings]), warnings
    if not line.outcome.warning:
        assert warnings == []


def write(line: Written, path: Path) -> None:
    sink = open_sink(str(path))
    try:
        for result in line.results():
            sink.write(result, node_id="n", sequence=0)
    finally:
        sink.close()
