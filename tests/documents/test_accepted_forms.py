from collections.abc import Callable
from typing import Literal

import pytest
from pydantic import BaseModel

from actors import Field, Params
from runtime.documents import AcceptedField, accepted_form, check, did_you_mean
from runtime.documents.accepted_forms import accepted_fields
from runtime.documents.suggestions import nearest


@pytest.mark.parametrize(
    ("schema", "form"),
    [
        ({}, "any value"),
        ({"type": "integer"}, "an integer"),
        ({"type": "integer", "minimum": 1}, "an integer >= 1"),
        ({"type": "integer", "minimum": 1, "maximum": 9}, "an integer from 1 to 9"),
        ({"type": "integer", "multipleOf": 4}, "an integer, a multiple of 4"),
        ({"type": "number", "exclusiveMinimum": 0, "maximum": 1}, "a number > 0 and <= 1"),
        ({"type": "number", "exclusiveMaximum": 1}, "a number < 1"),
        ({"type": "boolean"}, "true or false"),
        ({"type": "null"}, "null"),
        ({"type": "string"}, "text"),
        ({"type": "string", "minLength": 1}, "text that is not empty"),
        ({"type": "string", "maxLength": 5}, "text of at most 5 characters"),
        ({"type": "string", "minLength": 2, "maxLength": 2}, "text of 2 characters"),
        ({"type": "string", "format": "date-time"}, "an ISO 8601 date and time"),
        ({"const": "v1"}, '"v1"'),
        ({"enum": ["a", "b", 3]}, '"a", "b" or 3'),
        ({"anyOf": [{"type": "null"}, {"type": "integer"}]}, "an integer or null"),
        ({"type": "array", "items": {"type": "integer"}}, "a list, each item an integer"),
        ({"type": "array", "minItems": 2, "maxItems": 3}, "a list of 2 to 3 items"),
        ({"type": "object"}, "an object"),
        (
            {"type": "object", "additionalProperties": {"type": "string"}},
            "an object, each value text",
        ),
        ({"x-accepted": "a colour", "type": "string"}, "a colour"),
    ],
)
def test_a_schema_is_described_in_words(schema, form):
    assert accepted_form(schema) == form


class Inner(BaseModel):
    depth: int = Field(1, ge=0)


class OuterParams(Params):
    inner: Inner = Inner()
    many: list[Inner] = Field(default_factory=list)
    either: Inner | Literal["none"] = "none"
    size: int = Field(description="in samples")


def test_every_field_of_a_model_is_listed():
    assert accepted_fields(OuterParams) == (
        AcceptedField("inner", "an object", '{"depth": 1}', ""),
        AcceptedField("many", "a list, each item an object", "null", ""),
        AcceptedField("either", 'an object or "none"', '"none"', ""),
        AcceptedField("size", "an integer", None, "in samples"),
    )


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        ({"inner": {"depth": -1}}, ("inner", "depth"), "got -1; expected an integer >= 0"),
        ({"many": [{}, {"depth": "x"}]}, ("many", 1, "depth"), 'got "x"; expected an integer'),
        ({"many": [3]}, ("many", 0), "got 3; expected an object"),
        ({"either": "some"}, ("either",), 'got "some"; expected an object or "none"'),
        ({"either": {"depth": -1}}, ("either",), 'got {"depth": -1}; expected an object or "none"'),
    ],
)
def test_a_fault_deep_inside_has_its_path(value, path, message):
    (problem,) = check(OuterParams, {"size": 1, **value}).problems
    assert problem.path == path
    assert problem.message.startswith(message)


class OddParams(Params):
    callback: Callable[[], None] | None = None


def test_a_type_without_a_schema_still_has_its_faults_named():
    (problem,) = check(OddParams, {"callback": 3}).problems
    assert "callable" in problem.message


def test_a_name_of_a_megabyte_has_no_nearest():
    assert nearest("x" * 1_000_000, ["x" * 1_000_000]) is None
    assert did_you_mean("zzz", ["a" * 100]) == f"known: {'a' * 80}..."
    assert did_you_mean("zzz", []) == "known: none"
    assert did_you_mean("zzz", [f"n{index}" for index in range(50)]).endswith("n39 ...")
