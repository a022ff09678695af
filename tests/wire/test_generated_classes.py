"""The committed classes are what proto/ gives, and users find all of them."""

from pathlib import Path
from typing import Any

import pytest
from grpclib.const import Cardinality

import runtime.wire
from runtime.wire.generated.remotemedia import v1
from tests.wire.contract import ENUMS, MESSAGES, RPCS, TABLES

GENERATED = Path(runtime.wire.__file__).parent / "generated"


def test_regenerating_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tool in ("grpc_tools", "betterproto2_compiler"):
        pytest.importorskip(tool, reason=f"{tool} is missing: install the dev extra")
    from runtime.wire.regenerate import generate

    monkeypatch.chdir(tmp_path)  # where it is started does not matter
    committed = {
        path.relative_to(GENERATED).as_posix(): path.read_bytes()
        for path in GENERATED.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }
    assert generate() == committed, "run `python -m runtime.wire.regenerate`"


def test_what_is_no_longer_generated_is_removed(tmp_path: Path) -> None:
    pytest.importorskip("betterproto2_compiler", reason="its compiler is missing")
    from runtime.wire.regenerate import write

    write({"a.py": b"1", "b/c.py": b"2"}, tmp_path / "made")
    write({"b/c.py": b"3"}, tmp_path / "made")
    (only,) = (path for path in tmp_path.rglob("*") if path.is_file())
    assert (only.name, only.read_bytes()) == ("c.py", b"3")


def test_users_find_every_generated_name() -> None:
    assert set(v1.__all__) <= set(runtime.wire.__all__)
    assert all(hasattr(runtime.wire, name) for name in runtime.wire.__all__)
    assert all(getattr(runtime.wire, name) is getattr(v1, name) for name in v1.__all__)


def test_every_message_and_enum_of_the_contract_has_a_class() -> None:
    names = {*MESSAGES, *(name.replace(".", "") for name in ENUMS)}
    services = {f"{rpc.split('/')[0]}{end}" for rpc in RPCS for end in ("Base", "Stub")}
    assert names | services == set(v1.__all__)


def test_a_wrong_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="NoSuchMessage"):
        runtime.wire.NoSuchMessage


def test_servers_answer_under_the_contract_s_paths() -> None:
    bases: list[Any] = [
        v1.PipelineControlBase(),
        v1.PipelineExecutionServiceBase(),
        v1.StreamingPipelineServiceBase(),
    ]
    answered = {path: handler for base in bases for path, handler in base.__mapping__().items()}
    expected = {}
    for title, (line,) in ((title, lines) for title, lines in TABLES.items() if "/" in title):
        taken, given = line.split("->")
        cardinality = Cardinality.STREAM_STREAM if "stream" in line else Cardinality.UNARY_UNARY
        expected[f"/remotemedia.v1.{title.split()[1]}"] = (
            cardinality,
            getattr(v1, taken.split()[-1]),
            getattr(v1, given.split()[-1]),
        )
    assert {path: tuple(handler[1:]) for path, handler in answered.items()} == expected


def test_a_legacy_chunk_is_no_cause_for_a_warning() -> None:
    # Warnings are errors here.
    request = v1.StreamRequest(audio_chunk=v1.AudioChunk(node_id="a"))
    assert v1.StreamRequest.parse(bytes(request)) == request
