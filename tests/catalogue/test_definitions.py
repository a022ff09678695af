"""What an author declares wrongly is reported as such: by class and attribute, and early."""

import dataclasses
import enum
import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr, field_validator

from actors import ANY_KIND, Actor, Batch, DefinitionError, Field, Kind, Params, Text
from runtime.catalogue import check_params, load_actor, target_of
from runtime.errors import ConfigError
from tests.cli.commands import millrace

TEXT = frozenset({Kind.TEXT})


class Colour(enum.Enum):
    RED = "red"


class Exotic(Params):
    """Params whose defaults are no JSON values, and are valid."""

    folder: Path = Path("/tmp/models")
    colour: Colour = Colour.RED
    secret: SecretStr = SecretStr("s3cret")
    sizes: tuple[int, ...] = (1, 2)
    folders: list[Path] = Field(default_factory=lambda: [Path("/tmp/more")])
    gain: float = 1


class ExoticNode(Actor[Exotic]):
    """Take exotic params."""


def test_defaults_that_are_no_json_values_are_kept() -> None:
    assert load_actor(target_of(ExoticNode)) is ExoticNode
    assert check_params(Exotic, {}).problems == ()
    params = Exotic.model_validate_json("{}")
    assert (params.folder, params.colour) == (Path("/tmp/models"), Colour.RED)
    assert params.secret.get_secret_value() == "s3cret"
    assert (params.sizes, params.folders) == ((1, 2), [Path("/tmp/more")])
    assert type(params.gain) is float
    given = Exotic.model_validate_json('{"folder": "/x", "colour": "red", "folders": []}')
    assert (given.folder, given.folders) == (Path("/x"), [])
    with pytest.raises(ValueError, match="colour"):
        Exotic.model_validate_json('{"colour": "green"}')


class Validated(Params):
    """A default that the author's own validator refuses."""

    name: str = "x"

    @field_validator("name")
    @classmethod
    def _long(cls, value: str) -> str:
        if len(value) < 2:
            raise ValueError("a name has two letters at least")
        return value


class Infinite(Params):
    longest_gap: float = math.inf
    required: int


class NotANumber(Params):
    threshold: float = math.nan


class Outside(Params):
    share: float = Field(5.0, le=1)


class OfAnotherType(Params):
    count: int = "three"  # type: ignore[assignment]


def make_names() -> list[str]:
    return ["three"]


class FromFactory(Params):
    counts: list[int] = Field(default_factory=make_names)  # type: ignore[arg-type]


class NoJson(Params):
    handle: object = object()


class NoText(Params):
    prefix: bytes = b"\xff"


class NoJsonNode(Actor[NoJson]):
    pass


class NoTextNode(Actor[NoText]):
    pass


class InfiniteNode(Actor[Infinite]):
    pass


class NotANumberNode(Actor[NotANumber]):
    pass


class OutsideNode(Actor[Outside]):
    pass


class OfAnotherTypeNode(Actor[OfAnotherType]):
    pass


class FromFactoryNode(Actor[FromFactory]):
    pass


class ValidatedNode(Actor[Validated]):
    pass


@pytest.mark.parametrize(
    ("actor", "fault"),
    [
        (
            InfiniteNode,
            "Infinite.longest_gap: the default inf is not a valid value: it should be a",
        ),
        (NotANumberNode, "NotANumber.threshold: the default nan is not a valid value"),
        (
            OutsideNode,
            "Outside.share: the default 5.0 is not a valid value: it should be less than",
        ),
        (OfAnotherTypeNode, "OfAnotherType.count: the default 'three' is not a valid value"),
        (FromFactoryNode, "FromFactory.counts: the default ['three'] is not a valid value"),
        (NoJsonNode, "NoJson.handle: the default <object object at"),
        (NoTextNode, r"NoText.prefix: the default b'\xff' cannot be written as JSON; give a"),
        (ValidatedNode, "Validated.name: the default 'x' is not a valid value: a name has two"),
    ],
)
def test_a_default_that_is_not_valid_is_a_fault_of_the_class(
    actor: type[Actor[Params]], fault: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_actor(target_of(actor))
    (found,) = caught.value.faults
    assert found.message.startswith(fault)


@dataclasses.dataclass
class Settings:
    gain: float = 1.0


class OtherModel(BaseModel):
    gain: float = 1.0


def wrong_classes() -> Iterator[tuple[str, str, str]]:
    """Yield the body of a class, and the beginning and a part of the error."""
    head = "accepts = TEXT; produces = TEXT"
    yield "accepts = Kind.TEXT; produces = TEXT", "WrongNode.accepts: got Kind.TEXT", "frozenset({K"
    yield "accepts = TEXT; produces = Kind.TEXT", "WrongNode.produces: got Kind.TEXT", "a set of"
    yield "accepts = [Kind.TEXT]; produces = TEXT", "WrongNode.accepts: got [", "a set of kinds"
    yield "accepts = {'text'}; produces = TEXT", "WrongNode.accepts: got {'text'}", "a set of"
    yield "accepts = 'text'; produces = TEXT", "WrongNode.accepts: got 'text'", "a set of kinds"
    yield "accepts = TEXT", "WrongNode.produces is missing", "frozenset({Kind.TEXT})"
    yield f"{head}; batch = 8", "WrongNode.batch: got 8", "Batch(items=8"
    yield f"{head}; runs_in_thread = 'yes'", "WrongNode.runs_in_thread", "True or False"
    yield f"{head}; stateless = 'yes'", "WrongNode.stateless", "True or False"
    source = "produces = TEXT; stateless = True\n    def generate(self): ..."
    yield source, "WrongNode.stateless: a source has a state", "leave it out"
    half = f"{head}\n    def export_state(self): ..."
    yield half, "WrongNode.import_state: is missing", "since export_state() is defined"
    half = f"{head}\n    def import_state(self, state): ..."
    yield half, "WrongNode.export_state: is missing", "since import_state() is defined"
    both = "def export_state(self): ...\n    def import_state(self, state): ..."
    yield f"{head}; stateless = True\n    {both}", "WrongNode.stateless", "has a state; leave it"
    source = f"produces = TEXT\n    def generate(self): ...\n    {both}"
    yield source, "WrongNode.export_state: a source cannot move", "leave export_state()"
    for hook, form in (
        ("def import_state(self)", "def import_state(self, state)"),
        ("def process(self)", "def process(self, item)"),
        ("def process(self, item, sample_rate)", "def process(self, item)"),
        ("async def process(item)", "def process(self, item)"),
        ("def initialize(self, params)", "def initialize(self)"),
        ("def on_control(self)", "def on_control(self, control)"),
        ("def flush(self, items)", "def flush(self)"),
        ("def cleanup()", "def cleanup(self)"),
        ("def __init__(self)", "def __init__(self, params=None, *, context=None)"),
    ):
        name = hook.removeprefix("async ").removeprefix("def ").partition("(")[0]
        yield f"{head}\n    {hook}: ...", f"WrongNode.{name}: got {name}(", form
    yield f"{head}\n    flush = 3", "WrongNode.flush: got 3", "def flush(self)"


@pytest.mark.parametrize(("body", "start", "part"), list(wrong_classes()))
def test_a_wrong_declaration_is_an_error_at_the_definition(
    body: str, start: str, part: str
) -> None:
    names = {"Actor": Actor, "Params": Params, "Kind": Kind, "TEXT": TEXT}
    with pytest.raises(DefinitionError) as caught:
        exec(f"class WrongNode(Actor[Params]):\n    {body}\n", names)
    assert str(caught.value).startswith(start)
    assert part in str(caught.value)


@pytest.mark.parametrize("argument", [Settings, OtherModel, dict, "GainParams"])
def test_params_of_another_class_are_an_error_at_the_definition(argument: object) -> None:
    with pytest.raises(DefinitionError, match="WrongNode: Actor.*derived from Params"):
        exec("class WrongNode(Actor[argument]): pass", {"Actor": Actor, "argument": argument})


def test_a_right_class_may_be_written_in_many_ways() -> None:
    class FormsNode(Actor[Exotic]):
        accepts = {Kind.TEXT}  # type: ignore[assignment]  # noqa: RUF012
        produces = ANY_KIND
        batch = Batch(8, 0.1)

        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)  # type: ignore[arg-type]

        async def process(self, items: list[Text], *, retries: int = 3) -> Text:
            return items[0]

        @staticmethod
        def on_control(control: object) -> None: ...

        @classmethod
        def flush(cls) -> None: ...

    assert FormsNode.accepts == TEXT
    assert hash(FormsNode.accepts) == hash(TEXT)


SLIPS = """
import math
from actors import Actor, Field, Kind, Params, Text
class GapParams(Params):
    longest_gap: float = math.inf
class GapNode(Actor[GapParams]):
    '''Has a default that JSON cannot carry.'''
class GoodNode(Actor[Params]):
    '''Do nothing wrong.'''
    def process(self, item): return item
"""


def test_validate_names_class_and_param_and_other_types_of_the_file_work(tmp_path: Path) -> None:
    (tmp_path / "slips.py").write_text(SLIPS)
    for name, status in (("GapNode", 2), ("GoodNode", 0)):
        nodes = [{"id": "n", "node_type": name}]
        manifest = {"version": "v1", "metadata": {"name": "x"}, "nodes": nodes, "connections": []}
        (tmp_path / "m.json").write_text(json.dumps(manifest))
        options = ("--nodes", f"{name}=slips.py:{name}")
        done = millrace("validate", "m.json", *options, folder=tmp_path)
        assert done.returncode == status, done.stderr
        if status:
            assert "GapParams.longest_gap: the default inf is not a valid value" in done.stderr
            assert "null" not in done.stderr


def test_validate_shows_a_wrong_declaration_as_the_file_s(tmp_path: Path) -> None:
    (tmp_path / "slips.py").write_text(SLIPS + "    accepts = Kind.TEXT\n")
    done = millrace("nodes", "--nodes", "slips.py", folder=tmp_path)
    assert done.returncode == 2
    assert "slips.py: GoodNode.accepts: got Kind.TEXT; expected a set of kinds" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("    gain = 1.0", "line 3: A non-annotated attribute was detected: `gain = 1.0`"),
        (
            "    weights: complex | np.ndarray = 3j",
            "line 3: <class 'numpy.ndarray'> is no type",
        ),
        (
            "    share: int = 1 / 0",
            "importing slips raised ZeroDivisionError: division by zero, line 4",
        ),
    ],
)
def test_an_error_of_the_import_has_its_line(tmp_path: Path, line: str, message: str) -> None:
    text = f"import numpy as np\nfrom actors import Params\nclass SlipParams(Params):\n{line}\n"
    (tmp_path / "slips.py").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_actor(f"{tmp_path}/slips.py:X")
    assert message in str(caught.value)
    assert "errors.pydantic.dev" not in str(caught.value)


def test_a_subclass_with_further_hooks_declares_its_state_again() -> None:
    class Counter(Actor[Params]):
        def export_state(self) -> int:
            return 0

        def import_state(self, state: int) -> None: ...

    class Renamed(Counter):
        """The same."""

    class Flushing(Counter):
        def flush(self) -> None: ...

    class Complete(Flushing):
        def export_state(self) -> int:
            return 1

        def import_state(self, state: int) -> None: ...

    assert not Actor.moves_state
    found = [each.moves_state for each in (Counter, Renamed, Flushing, Complete)]
    assert found == [True, True, False, True]
