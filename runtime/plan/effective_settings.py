"""The settings that hold for one session, and where each comes from."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, Generic, TypeVar

from ..config import RuntimeConfig
from ..documents import Path, Problem, shown
from ..manifest import MultiprocessSettings

T = TypeVar("T")

_PATH: Final[Path] = ("metadata", "multiprocess")


class Source(Enum):
    """Who said a setting."""

    MANIFEST = "manifest"
    RUNTIME_TOML = "runtime.toml"
    DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Setting(Generic[T]):
    """One value.

    Attributes:
        note: what became of the value that was asked for; empty if it holds as asked.
    """

    value: T
    source: Source
    note: str = ""

    def __str__(self) -> str:
        """Return value and source, for people."""
        note = f", {self.note}" if self.note else ""
        return f"{shown(self.value)} ({self.source.value}{note})"


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The settings of one session: the manifest's, else runtime.toml's, else built in."""

    max_processes_per_session: Setting[int]
    channel_capacity: Setting[int]
    channel_bytes: Setting[int]
    init_timeout_secs: Setting[float]
    python_executable: Setting[str | None]
    enable_backpressure: Setting[bool]
    cleanup_grace_period_secs: Setting[float]
    shared_memory_budget_bytes: Setting[int]


def effective_settings(asked: MultiprocessSettings, config: RuntimeConfig) -> EffectiveSettings:
    """Return the settings of a session.

    `max_processes_per_session` is brought down to the operator's `limits.max_total_processes`.
    """

    def pick(key: str, mine: T | None, theirs: T) -> Setting[T]:
        if mine is not None:
            return Setting(mine, Source.MANIFEST)
        return Setting(theirs, origin(key))

    def origin(key: str) -> Source:
        section = config.multiprocess
        is_said = key in section.model_fields_set
        return Source.RUNTIME_TOML if is_said else Source.DEFAULT

    said = config.multiprocess
    return EffectiveSettings(
        _capped(
            pick(
                "max_processes_per_session",
                asked.max_processes_per_session,
                said.max_processes_per_session,
            ),
            config.limits.max_total_processes,
        ),
        pick("channel_capacity", asked.channel_capacity, said.channel_capacity),
        pick("channel_bytes", None, said.channel_bytes),
        pick("init_timeout_secs", asked.init_timeout_secs, said.init_timeout_secs),
        pick("python_executable", asked.python_executable, said.python_executable),
        pick("enable_backpressure", asked.enable_backpressure, said.enable_backpressure),
        pick("cleanup_grace_period_secs", None, said.cleanup_grace_period_secs),
        pick("shared_memory_budget_bytes", None, said.shared_memory_budget_bytes),
    )


def refused_settings(asked: MultiprocessSettings, config: RuntimeConfig) -> Iterator[Problem]:
    """Yield what a manifest asks for and the operator does not allow.

    An interpreter is compared by its text, so that no link or `..` leads to another one.
    """
    executable, said = asked.python_executable, config.multiprocess
    allowed = (*said.allowed_python_executables, said.python_executable)
    if executable is not None and executable not in allowed:
        names = ", ".join(shown(name) for name in allowed if name is not None) or "none"
        yield Problem(
            (*_PATH, "python_executable"),
            f"got {shown(executable)}; expected one that the operator allows in runtime.toml, "
            f"multiprocess.allowed_python_executables: {names}",
        )


def _capped(setting: Setting[int], most: int) -> Setting[int]:
    if setting.value <= most:
        return setting
    note = f"{setting.value} asked for, capped by limits.max_total_processes"
    return Setting(most, setting.source, note)
