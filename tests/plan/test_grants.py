"""Params that name the operator's endpoints and tools."""

from typing import Annotated

import pytest

from actors import Actor, Field, Kind, Params, Text
from runtime import ManifestError
from runtime.catalogue import Catalogue
from runtime.config import RuntimeConfig, parse_config
from runtime.plan import Grants, Plan, plan_manifest, read_grants
from tests.session.pipelines import manifest

CONFIG = """
[models.local]
url = "http://127.0.0.1:1/v1"
model = "tiny"
[models.hosted]
url = "https://example.org/v1"
model = "big"
api_key_variable = "LLM_KEY"
[tools]
clock = "tests.plan.test_grants:clock"
"""


class AskingParams(Params):
    model: str = Field(json_schema_extra={"format": "model"})
    second: str | None = Field(None, json_schema_extra={"format": "model"})
    tools: list[Annotated[str, Field(json_schema_extra={"format": "tool"})]] = Field([])


class AskingNode(Actor[AskingParams]):
    accepts = frozenset({Kind.TEXT})
    produces = frozenset({Kind.TEXT})

    def process(self, item: Text) -> Text:
        return item


def clock() -> str:
    """Return the time."""
    return "ten"


def plan_of(config: RuntimeConfig, **params: object) -> Plan:
    return plan_manifest(
        manifest({"ask": ("AskingNode", params)}),
        config=config,
        catalogue=Catalogue().with_types({"AskingNode": AskingNode}),
    )


def test_a_node_gets_what_its_params_name_and_nothing_else() -> None:
    config = parse_config(CONFIG)
    grants = read_grants(config, {"LLM_KEY": "sk-secret"})
    plan = plan_of(config, model="local", tools=["clock"])
    got = grants.only(plan.node("ask").grants)
    assert list(got.models) == ["local"]
    assert got.tools == {"clock": "tests.plan.test_grants:clock"}
    assert grants.only(plan_of(config, model="local").node("ask").grants).tools == {}
    assert "sk-secret" not in repr((grants, plan, got))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"model": "lokal"}, "param model: the operator has no model 'lokal' in [models]; did you"),
        ({"model": "http://127.0.0.1:1/v1"}, "models of the operator: local, hosted"),
        ({"model": "local", "second": "third"}, "param second: the operator has no model 'third'"),
        ({"model": "local", "tools": ["clock", "shell"]}, "param tools[1]: the operator has no"),
        ({"model": "local", "tools": ["os:system"]}, "no tool 'os:system' in [tools]"),
    ],
)
def test_a_name_that_the_operator_has_not_defined_is_a_fault_of_the_manifest(
    params: dict[str, object], message: str
) -> None:
    with pytest.raises(ManifestError) as caught:
        plan_of(parse_config(CONFIG), **params)
    assert message in str(caught.value)


def test_without_settings_there_is_nothing_to_choose() -> None:
    with pytest.raises(ManifestError, match="no model 'local'.*models of the operator: none"):
        plan_of(RuntimeConfig(), model="local")
    assert read_grants(RuntimeConfig(), {}) == Grants()
