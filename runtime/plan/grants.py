"""What the operator's settings give a node because its params name it: endpoints and tools.

A param with the format "model" in its JSON schema names a chat endpoint of [models], one with the
format "tool" a function of [tools]; a list of such names may be a param too. A node gets what its
own params name, and nothing else: no other node's process learns of a key.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from actors import ModelEndpoint

from ..catalogue import absolute_target
from ..config import RuntimeConfig, model_endpoints
from ..documents import Path, Problem, Schema, did_you_mean, resolved

MODEL_FORMAT: Final = "model"
"""The `format` in the JSON schema of a param that names a chat endpoint."""

TOOL_FORMAT: Final = "tool"
"""The `format` in the JSON schema of a param that names a function that a model may call."""


@dataclass(frozen=True, slots=True)
class GrantNames:
    """The names of the operator that the params of one node choose."""

    models: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grants:
    """Endpoints with their keys, and the targets of tools: all of the operator, or of one node.

    Attributes:
        models: by name; the keys in them are not shown.
        tools: "module:function" by name.
    """

    models: Mapping[str, ModelEndpoint] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)

    def only(self, names: GrantNames) -> "Grants":
        """Return what one node gets."""
        return Grants(
            {name: self.models[name] for name in names.models},
            {name: self.tools[name] for name in names.tools},
        )


def read_grants(config: RuntimeConfig, environment: Mapping[str, str]) -> Grants:
    """Read the keys of all endpoints.

    Raises:
        ConfigError: a key cannot be read or is not valid. The message does not hold it.
    """
    tools = {name: absolute_target(target) for name, target in config.tools.items()}
    return Grants(model_endpoints(config.models, environment), tools)


def grant_names(params: Mapping[str, Any], schema: Schema) -> GrantNames:
    """Return the names that the params of a node choose, those of defaults included."""
    found: dict[str, list[str]] = {MODEL_FORMAT: [], TOOL_FORMAT: []}
    for _, kind, name in _names(params, schema):
        found[kind].append(name)
    return GrantNames(tuple(found[MODEL_FORMAT]), tuple(found[TOOL_FORMAT]))


def grant_problems(
    params: Mapping[str, Any], schema: Schema, config: RuntimeConfig
) -> Iterator[Problem]:
    """Yield a problem for each name that the operator has not defined."""
    known = {MODEL_FORMAT: config.models, TOOL_FORMAT: config.tools}
    for path, kind, name in _names(params, schema):
        if name not in known[kind]:
            hint = did_you_mean(name, known[kind], or_else=f"{kind}s of the operator")
            yield Problem(path, f"the operator has no {kind} {name!r} in [{kind}s]; {hint}")


def _names(params: Mapping[str, Any], schema: Schema) -> Iterator[tuple[Path, str, str]]:
    for name, each in schema.get("properties", {}).items():
        value = params.get(name, each.get("default"))
        for option in (each, *each.get("anyOf", ())):
            form = resolved(option, schema)
            items = resolved(form.get("items", {}), schema)
            if form.get("format") in (MODEL_FORMAT, TOOL_FORMAT) and isinstance(value, str):
                yield (name,), form["format"], value
            elif items.get("format") in (MODEL_FORMAT, TOOL_FORMAT) and isinstance(value, list):
                texts = (entry for entry in enumerate(value) if isinstance(entry[1], str))
                yield from (((name, index), items["format"], text) for index, text in texts)
