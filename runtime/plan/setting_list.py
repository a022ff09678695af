"""Every effective setting, with where it comes from, for people and scripts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from ..config import RuntimeConfig, Section
from .effective_settings import EffectiveSettings, Source

_ENVIRONMENT = {
    "server.bind_address": "GRPC_BIND_ADDRESS",
    "server.require_auth": "GRPC_REQUIRE_AUTH",
}


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting.

    Attributes:
        key: with its table, as in "limits.max_sessions".
        value: as JSON can carry it.
        source: "manifest", "environment", "runtime.toml" or "default".
        note: what became of the value that was asked for; mostly empty.
        description: what it means.
    """

    key: str
    value: object
    source: str
    note: str = ""
    description: str = ""


def setting_entries(
    config: RuntimeConfig,
    effective: EffectiveSettings | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[SettingEntry]:
    """Yield every setting in the order of its table.

    Args:
        config: the operator's.
        effective: of one session; what its manifest says goes before the operator's.
        environment: whose variables go before runtime.toml.
    """
    of_session = {} if effective is None else _of_session(effective)
    for listed in _of_section("", config):
        variable = _ENVIRONMENT.get(listed.key)
        said = (environment or {}).get(variable, "") if variable is not None else ""
        if listed.key in of_session:
            value, source, note = of_session[listed.key]
            yield SettingEntry(listed.key, value, source, note, listed.description)
        elif said:
            yield SettingEntry(listed.key, said, "environment", str(variable), listed.description)
        else:
            yield listed


def _of_section(table: str, section: Section) -> Iterator[SettingEntry]:
    for name, field in type(section).model_fields.items():
        key, value = f"{table}{name}", getattr(section, name)
        if isinstance(value, Section):
            yield from _of_section(f"{key}.", value)
            continue
        is_said = name in section.model_fields_set
        source = Source.RUNTIME_TOML if is_said else Source.DEFAULT
        plain = section.model_dump(mode="json", include={name})[name]
        yield SettingEntry(key, plain, source.value, description=field.description or "")


def _of_session(effective: EffectiveSettings) -> dict[str, tuple[object, str, str]]:
    settings = {field.name: getattr(effective, field.name) for field in fields(effective)}
    return {
        f"multiprocess.{name}": (setting.value, setting.source.value, setting.note)
        for name, setting in settings.items()
    }
