"""The accepted form of each key of a manifest; `structure` has the rules between keys."""

import re
from collections.abc import Callable
from datetime import datetime
from enum import IntEnum
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    WithJsonSchema,
    create_model,
)

from ..config import Multiprocess, rules_of
from ..documents import ACCEPTED
from .model import DataTypeHint, RuntimeHint

# Ids and type names are part of every message, log line and metric. The contract has the same bound
# for the name of a manifest.
LONGEST_NAME: Final = 255
# Beyond any machine: a larger number is a mistake of units.
MOST_GIGABYTES: Final = 1_000_000
MOST_CORES: Final = 100_000

_NODE_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_HOST: Final = re.compile(r"(?:\[[0-9a-fA-F:.]+\]|[a-zA-Z0-9._-]+):([0-9]{1,5})")

E = TypeVar("E", bound=IntEnum)


class _Form(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def _form(form: str) -> dict[str, Any]:
    return {ACCEPTED: form}


def _checked(accepts: Callable[[str], object]) -> AfterValidator:
    def check(text: str) -> str:
        if not accepts(text):
            raise ValueError("not of the accepted form")
        return text

    return AfterValidator(check)


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return not text  # a proto message cannot tell "" from unset
    return True


def _is_host(text: str) -> bool:
    found = _HOST.fullmatch(text)
    return not text or (found is not None and 1 <= int(found[1]) <= 65535)


def _hint(kind: type[E], prefix: str) -> tuple[PlainValidator, WithJsonSchema]:
    """Accept a member of an enum by its number, or by its proto name with or without prefix."""

    def member(value: object) -> E:
        if isinstance(value, int) and not isinstance(value, bool):
            return kind(value)
        if not isinstance(value, str):
            raise ValueError("neither text nor a number")
        try:
            return kind[value.upper().removeprefix(prefix)]
        except KeyError as error:
            raise ValueError("not a member") from error

    names = ", ".join(f'"{each.name.lower()}"' for each in kind if each.value)
    form = f'one of {names} (or "{prefix}{kind(1).name}" and the like, or its number)'
    return PlainValidator(member), WithJsonSchema(_form(form))


Name = Annotated[str, Field(min_length=1, max_length=LONGEST_NAME)]
Id = Annotated[
    str,
    Field(
        max_length=LONGEST_NAME,
        json_schema_extra=_form("1 to 255 of the characters a-z A-Z 0-9 _ -"),
    ),
    _checked(_NODE_ID.fullmatch),
]
Date = Annotated[
    str,
    Field(json_schema_extra=_form('an ISO 8601 date and time such as "2026-01-31T12:00:00Z"')),
    _checked(_is_date),
]
Host = Annotated[
    str,
    Field(json_schema_extra=_form('"name:port" such as "worker-1:50051"')),
    _checked(_is_host),
]
Runtime = Annotated[RuntimeHint, *_hint(RuntimeHint, "RUNTIME_HINT_")]
DataType = Annotated[DataTypeHint, *_hint(DataTypeHint, "DATA_TYPE_HINT_")]


class GpuForm(_Form):
    """`capabilities.gpu`."""

    type: Literal["cuda", "rocm", "metal", "vulkan", "any"] = "any"
    min_memory_gb: float | None = Field(default=None, ge=0, le=MOST_GIGABYTES)
    required: bool = True


class CpuForm(_Form):
    """`capabilities.cpu`."""

    cores: int | None = Field(default=None, ge=1, le=MOST_CORES)
    arch: Literal["x86_64", "aarch64", "arm", "any"] | None = None


class CapabilitiesForm(_Form):
    """`capabilities` of a node."""

    gpu: GpuForm | None = None
    cpu: CpuForm | None = None
    memory_gb: float | None = Field(default=None, ge=0, le=MOST_GIGABYTES)


class NodeForm(_Form):
    """One of `nodes`."""

    id: Id
    node_type: Name
    params: Annotated[
        dict[str, Any] | str | None,
        Field(json_schema_extra=_form("an object, or an object as JSON text")),
    ] = None
    is_streaming: bool | None = None
    is_output_node: bool | None = None
    capabilities: CapabilitiesForm | None = None
    host: Host | None = None
    runtime_hint: Runtime | None = None
    input_types: tuple[DataType, ...] | None = None
    output_types: tuple[DataType, ...] | None = None


class ConnectionForm(_Form):
    """One of `connections`."""

    source: Id = Field(alias="from")
    target: Id = Field(alias="to")


def _manifest_settings() -> dict[str, Any]:
    """Return the settings that a manifest may set, as optional fields with the same bounds."""
    fields: dict[str, Any] = {}
    for name, field in Multiprocess.model_fields.items():
        if rules_of(field).in_manifest:
            kind: Any = field.annotation
            bounded: Any = Annotated[kind, *field.metadata] if field.metadata else kind
            fields[name] = (bounded | None, None)
    return fields


class OverridesForm(_Form):
    """The key of `metadata.multiprocess` that is not a setting."""

    executor_overrides: dict[str, Name] | None = Field(
        default=None, json_schema_extra=_form("an object of node id to executor name")
    )


# `metadata.multiprocess`. Its other keys are declared in runtime/config/settings.py.
MultiprocessForm = create_model("MultiprocessForm", __base__=OverridesForm, **_manifest_settings())


class MetadataForm(_Form):
    """`metadata`. Further keys belong to other programs and are kept."""

    model_config = ConfigDict(extra="allow")

    name: Name
    description: str | None = None
    created_at: Date | None = None
    multiprocess: MultiprocessForm | None = None


class ManifestForm(_Form):
    """A whole manifest."""

    version: Literal["v1"]
    metadata: MetadataForm
    nodes: tuple[NodeForm, ...] = Field(min_length=1)
    connections: tuple[ConnectionForm, ...]
