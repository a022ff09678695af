"""The declaration of a setting: one place for its default, bounds, help and rules.

To add a setting, write one field in a section of `settings.py` (or `server.py`):

    decode_timeout_secs: float = setting(
        10, "seconds to decode one packet", gt=0, le=600, in_manifest=True
    )

and run `python -m runtime.config > runtime.toml`. The check of runtime.toml, its comments, the page
of settings, `millrace config` and the environment variable follow from the declaration. With
`in_manifest=True` the key is also accepted in `metadata.multiprocess` of a manifest, overrides
runtime.toml in a session's effective settings, and travels in MultiprocessConfig of
proto/remotemedia/v1/execution.proto, which then needs an `optional` field of the same name. Code
reads the value as `config.multiprocess.decode_timeout_secs`, or as
`plan.settings.values.decode_timeout_secs` for one session.

A table of named tables, `[models.NAME]`, is a mapping to a section. Its settings are declared in
that section, and everything above follows for them too, except environment variables:

    models: Mapping[Name, Model] = named_tables("chat endpoints")
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args, get_origin

from pydantic import Field
from pydantic.fields import FieldInfo

from ..documents import accepted_fields
from .section import Section

# The key of a field's JSON schema under which the rules beside type and bounds are kept.
_RULES: Final = "x-setting"


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of a setting beside its type and its bounds.

    Attributes:
        detail: sentences for runtime.toml and the documentation, beside the short meaning.
        example: a value to show for a setting without a default.
        in_manifest: whether `metadata.multiprocess` of a manifest may set it.
        capped_by: the operator's setting, as "limits.max_sessions", that no session goes beyond.
        allowed_by: the operator's setting of the same section that lists the values which a
            manifest may choose.
        variable: the environment variable that overrides runtime.toml.
    """

    detail: str = ""
    example: str | None = None
    in_manifest: bool = False
    capped_by: str = ""
    allowed_by: str = ""
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Declaration:
    """A setting as it is declared.

    Attributes:
        table: of runtime.toml; empty for a key outside all tables.
        name: of the key.
        meaning: what it sets, as a phrase.
        form: the accepted values, in words.
        default: as JSON.
        entries: the settings of each named table, if this is a table of them; NAME stands for the
            name in their `table`.
    """

    table: str
    name: str
    meaning: str
    form: str
    default: str
    rules: Rules
    entries: tuple["Declaration", ...] = ()

    @property
    def key(self) -> str:
        """The full key, such as "limits.max_sessions"."""
        return f"{self.table}.{self.name}" if self.table else self.name


def setting(
    default: Any,
    meaning: str,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    detail: str = "",
    example: str | None = None,
    in_manifest: bool = False,
    capped_by: str = "",
    allowed_by: str = "",
    variable: str = "",
) -> Any:
    """Declare a setting: the value of a field in a Section.

    Args:
        default: the built-in value; `...` if the setting is required.
        meaning: what it sets, as a short phrase without a full stop.
        ge: the least value.
        gt: a bound that the value must be above.
        le: the greatest value; every number needs one.
        detail: as in `Rules`.
        example: as in `Rules`.
        in_manifest: as in `Rules`.
        capped_by: as in `Rules`.
        allowed_by: as in `Rules`.
        variable: as in `Rules`.
    """
    bounds = {"ge": ge, "gt": gt, "le": le}
    rules = {
        "detail": detail,
        "example": example,
        "in_manifest": in_manifest,
        "capped_by": capped_by,
        "allowed_by": allowed_by,
        "variable": variable,
    }
    given: dict[str, Any] = {name: bound for name, bound in bounds.items() if bound is not None}
    extra: dict[str, Any] = {_RULES: {name: rule for name, rule in rules.items() if rule}}
    return Field(default=default, description=meaning, json_schema_extra=extra, **given)


def named_tables(meaning: str, *, detail: str = "") -> Any:
    """Declare a table of named tables: the value of a field whose type is Mapping[Name, a Section].

    Args:
        meaning: what its tables are, as a short phrase without a full stop.
        detail: as in `Rules`.
    """
    extra: dict[str, Any] = {_RULES: {"detail": detail} if detail else {}}
    return Field(default_factory=dict, description=meaning, json_schema_extra=extra)


def named_values(meaning: str, *, example: str, detail: str = "") -> Any:
    """Declare a table of the operator's own keys: the value of a field whose type is a Mapping.

    Args:
        meaning: what its entries are, as a phrase without a full stop.
        example: one entry, as a line of TOML.
        detail: as in `Rules`.
    """
    rules = {"example": example} | ({"detail": detail} if detail else {})
    extra: dict[str, Any] = {_RULES: rules}
    return Field(default_factory=dict, description=meaning, json_schema_extra=extra)


def section_of_tables(field: FieldInfo) -> type[Section] | None:
    """Return the section of a field's named tables; None if it has none."""
    if get_origin(field.annotation) is not Mapping:
        return None
    (_, section) = get_args(field.annotation)
    return section if isinstance(section, type) and issubclass(section, Section) else None


def rules_of(field: FieldInfo) -> Rules:
    """Return the rules that a field was declared with."""
    extra = field.json_schema_extra
    rules = extra.get(_RULES) if isinstance(extra, dict) else None
    given: dict[str, Any] = dict(rules) if isinstance(rules, dict) else {}
    return Rules(**given)


def declarations(section: type[Section], table: str = "") -> Iterator[Declaration]:
    """Yield the settings of a section and of the sections in it, in their order."""
    forms = {field.name: field for field in accepted_fields(section)}
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, Section):
            yield from declarations(inner, f"{table}.{name}" if table else name)
            continue
        form = forms[name]
        # A schema has no default for a field whose default is made by a function: a mapping.
        default = "{}" if field.default_factory is not None else form.default or "null"
        named = section_of_tables(field)
        key = f"{table}.{name}" if table else name
        entries = () if named is None else tuple(declarations(named, f"{key}.NAME"))
        yield Declaration(
            table, name, form.description, form.form, default, rules_of(field), entries
        )
