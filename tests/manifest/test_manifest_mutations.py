"""However a manifest is spoiled: a plan or a ManifestError, never anything else."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from actors import Actor, Field, Params
from runtime.catalogue import Catalogue, build_catalogue
from runtime.config import RuntimeConfig, parse_config
from runtime.documents import Document
from runtime.errors import ConfigError, ManifestError
from runtime.manifest import Manifest, manifest_from, parse_manifest
from runtime.plan import make_plan
from runtime.plan.drawing import draw, to_dot, to_svg

from .manifests import GOOD, good


class TunedParams(Params):
    level: int = Field(1, ge=0, le=9)
    rate: float | str | None = None
    table: dict[str, list[float]] = Field(default_factory=dict)


class TunedNode(Actor[TunedParams]):
    """Has parameters of every shape."""


CONFIG = RuntimeConfig()
CATALOGUE: Catalogue = build_catalogue(CONFIG, installed=()).with_types({"TunedNode": TunedNode})
START = good()
START["nodes"].append(
    {"id": "d", "node_type": "TunedNode", "params": {"level": 3, "table": {"x": [1, 2.5]}}}
)
START["connections"].append({"from": "b", "to": "d"})

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["a", "b", "c", "d", "native", "TunedNode", "", "v1", "{", 2**64, 10**400])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in items:
        yield (*path, key)
        if isinstance(each, dict | list):
            yield from places(each, (*path, key))


@st.composite
def mutants(draw_: st.DrawFn) -> dict[str, Any]:
    value = copy.deepcopy(START)
    for _ in range(draw_(st.integers(1, 4))):
        *way, last = draw_(st.sampled_from(list(places(value)) or [("version",)]))
        part: Any = value
        for step in way:
            part = part[step]
        how = draw_(st.sampled_from(["delete", "replace", "wrap", "rename", "duplicate", "copy"]))
        if how == "delete":
            part.pop(last, None) if isinstance(part, dict) else part.pop(last)
        elif how == "replace":
            part[last] = draw_(VALUES)
        elif how == "wrap":
            part[last] = draw_(st.sampled_from([[part[last]], {"x": part[last]}]))
        elif how == "copy":
            part[last] = copy.deepcopy(draw_(st.sampled_from(list(START.values()))))
        elif isinstance(part, dict):
            key = draw_(st.text() | st.sampled_from(["id", "from", "params", "host"]))
            part[key] = part[last] if how == "duplicate" else part.pop(last)
        else:
            part.append(copy.deepcopy(part[last]))
        if not value:
            break
    return value


def check_faults(error: ManifestError | ConfigError) -> None:
    assert error.faults
    assert all(fault.message and "\n" not in str(fault) for fault in error.faults)


def check_whole(manifest: Manifest) -> None:
    try:
        plan = make_plan(manifest, config=CONFIG, catalogue=CATALOGUE)
    except ManifestError as error:
        check_faults(error)
        return
    order = [node.node_id for node in plan.nodes]
    assert sorted(order) == sorted(node.id for node in manifest.nodes)
    for node in plan.nodes:
        json.dumps(node.params)
        assert all(order.index(source) < order.index(node.node_id) for source in node.inputs)
    assert draw(plan)
    assert to_dot(plan)
    assert to_svg(plan)


def test_the_start_is_good():
    check_whole(manifest_from(GOOD))
    make_plan(manifest_from(START), config=CONFIG, catalogue=CATALOGUE)


@given(mutants())
def test_a_spoiled_object_gives_a_plan_or_faults(value: dict[str, Any]):
    try:
        manifest = manifest_from(value)
    except ManifestError as error:
        check_faults(error)
    else:
        check_whole(manifest)


@given(mutants(), st.sampled_from(["m.json", "m.yaml", "m"]))
def test_a_spoiled_text_gives_a_plan_or_faults(value: dict[str, Any], name: str):
    try:
        manifest = parse_manifest(json.dumps(value), name)
    except ManifestError as error:
        check_faults(error)
    else:
        check_whole(manifest)


JSON_BYTES = json.dumps(START, indent=1).encode()
YAML_BYTES = yaml.safe_dump(START).encode()


@given(
    st.sampled_from([(JSON_BYTES, "m.json"), (YAML_BYTES, "m.yaml"), (JSON_BYTES, "m.yaml")]),
    st.lists(
        st.tuples(
            st.integers(0, 4000),
            st.integers(0, 6),
            st.binary(max_size=6)
            | st.sampled_from([*map(str.encode, '{}[]:,"-&*!|>%@`#?\\'), b"\n", b"\t", b"\n  "]),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_spoiled_bytes_give_a_plan_or_faults(start, edits):
    raw, name = start
    for place, length, new in edits:
        raw = raw[:place] + new + raw[place + length :]
    text = raw.decode("utf-8", "surrogateescape")
    try:
        manifest = parse_manifest(text, name)
    except ManifestError as error:
        check_faults(error)
    else:
        check_whole(manifest)


@given(st.text())
def test_any_text_as_yaml_gives_a_document_or_faults(text: str):
    try:
        parse_manifest(text, "m.yaml")
    except ManifestError as error:
        check_faults(error)


TOML = """\
[multiprocess]
channel_capacity = 7
allowed_python_executables = ["/usr/bin/python3"]
[[routing.patterns]]
pattern = "*Node"
executor = "native"
[nodes]
X = "x:Y"
"""


@given(
    st.integers(0, len(TOML)),
    st.integers(0, 9),
    st.text(max_size=4)
    | st.sampled_from(["=", "[", "[[", '"""', "'", "nan", "inf", "1979-05-27", "9" * 5000]),
)
def test_a_spoiled_runtime_toml_gives_settings_or_faults(place: int, length: int, new: str):
    try:
        parse_config(TOML[:place] + new + TOML[place + length :])
    except ConfigError as error:
        check_faults(error)


def test_a_place_is_found_for_any_path():
    document = Document(START, "m.json")
    assert document.where(("nodes", "x", 3, "y")) == "m.json: nodes.x[3].y"
