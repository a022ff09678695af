"""The settings of one session: the manifest's, else the operator's, else the built-in ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from ..config import Multiprocess, Origin, RuntimeConfig, Source, rules_of
from ..documents import Path, Problem, shown
from ..manifest import MultiprocessSettings

_PATH: Final[Path] = ("metadata", "multiprocess")


@dataclass(frozen=True, slots=True)
class Setting:
    """One value and its source.

    Attributes:
        note: how the value differs from the one that was asked for; empty if it does not.
    """

    value: Any
    source: Source
    note: str = ""

    def __str__(self) -> str:
        """Return value and source, for people."""
        note = f", {self.note}" if self.note else ""
        return f"{shown(self.value)} ({self.source.label}{note})"


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings of one session.

    Attributes:
        values: every setting under its name in runtime.toml's [multiprocess].
        notes: for settings whose value differs from the one that was asked for, by name.
    """

    values: Multiprocess
    notes: dict[str, str]

    def setting(self, name: str) -> Setting:
        """Return a setting with its source."""
        source = self.values.origin(name).source
        return Setting(getattr(self.values, name), source, self.notes.get(name, ""))

    def explicit(self, name: str) -> Any:
        """Return the value of a setting; None if it is the built-in default."""
        is_default = self.values.origin(name).source is Source.DEFAULT
        return None if is_default else getattr(self.values, name)

    def entries(self) -> Iterator[tuple[str, Setting]]:
        """Yield every setting by its name."""
        for name in type(self.values).model_fields:
            yield name, self.setting(name)


def effective_settings(asked: MultiprocessSettings, config: RuntimeConfig) -> EffectiveSettings:
    """Return the settings of a session. A value above its cap is brought down to it."""
    values = config.multiprocess
    for name, value in asked.values.items():
        values = values.override(name, value, Origin(Source.MANIFEST))
    notes: dict[str, str] = {}
    for name, field in Multiprocess.model_fields.items():
        cap = rules_of(field).capped_by
        if cap and getattr(values, name) > (most := _operators(config, cap)):
            notes[name] = f"{getattr(values, name)} asked for, capped by {cap}"
            values = values.override(name, most, values.origin(name))
    return EffectiveSettings(values, notes)


def refused_settings(asked: MultiprocessSettings, config: RuntimeConfig) -> Iterator[Problem]:
    """Yield what a manifest asks for and the operator does not allow.

    Values are compared as text: a symbolic link or `..` must not lead to another interpreter.
    """
    operators = config.multiprocess
    for name, value in asked.values.items():
        allowed_by = rules_of(Multiprocess.model_fields[name]).allowed_by
        if not allowed_by:
            continue
        allowed = (*getattr(operators, allowed_by), getattr(operators, name))
        if value not in allowed:
            names = ", ".join(shown(each) for each in allowed if each is not None) or "none"
            yield Problem(
                (*_PATH, name),
                f"got {shown(value)}; expected one that the operator allows in runtime.toml, "
                f"multiprocess.{allowed_by}: {names}",
            )


def _operators(config: RuntimeConfig, key: str) -> Any:
    value: object = config
    for name in key.split("."):
        value = getattr(value, name)
    return value
