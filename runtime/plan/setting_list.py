"""Every setting with its value and its source, for people and scripts."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..config import Origin, RuntimeConfig, Section, Source, with_environment
from .effective_settings import EffectiveSettings


@dataclass(frozen=True, slots=True)
class SettingEntry:
    """One setting.

    Attributes:
        key: with its table, such as "limits.max_sessions".
        value: in a form that JSON can carry.
        source: "manifest", "command line", "environment", "runtime.toml", "code" or "default".
        note: the option, variable or file that set it, or how the value was capped; mostly empty.
        description: its meaning.
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
    """Yield every setting, in the order of the declarations.

    Args:
        config: the operator's settings.
        effective: the settings of one session, instead of the operator's for it.
        environment: its variables override runtime.toml.

    Raises:
        ConfigError: the value of a variable is not valid.
    """
    config = with_environment(config, environment or {})
    notes: dict[str, str] = {}
    if effective is not None:
        config = config.model_copy(update={"multiprocess": effective.values})
        notes = {f"multiprocess.{name}": note for name, note in effective.notes.items()}
    yield from _of_section("", config, notes)


def _of_section(table: str, section: Section, notes: Mapping[str, str]) -> Iterator[SettingEntry]:
    for name, field in type(section).model_fields.items():
        key, value = f"{table}{name}", getattr(section, name)
        if isinstance(value, Section):
            yield from _of_section(f"{key}.", value, notes)
            continue
        if isinstance(value, Mapping) and any(isinstance(each, Section) for each in value.values()):
            for inner, table_of_name in value.items():
                yield from _of_section(f"{key}.{inner}.", table_of_name, notes)
            continue
        origin = section.origin(name)
        plain = section.model_dump(mode="json", include={name})[name]
        note = notes.get(key) or _origin_note(origin)
        yield SettingEntry(key, plain, origin.source.label, note, field.description or "")
    for name, value in (section.__pydantic_extra__ or {}).items():
        if isinstance(value, Section):
            yield from _of_section(f"{table}{name}.", value, notes)
        else:  # declared by an executor that is not loaded
            origin = section.origin(name)
            yield SettingEntry(f"{table}{name}", value, origin.source.label, _origin_note(origin))


def _origin_note(origin: Origin) -> str:
    """Return the name of an origin, unless its source already has that name."""
    return "" if origin.name == Source.RUNTIME_TOML.label else origin.name
