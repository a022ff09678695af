"""Values that override settings of runtime.toml: of the command line and of the environment."""

from collections.abc import Mapping
from typing import Final, TypeVar

from ..documents import check
from ..errors import ConfigError, Fault
from .section import Origin, Section, Source
from .setting import rules_of

S = TypeVar("S", bound=Section)

_WORDS: Final = {
    **dict.fromkeys(("1", "true", "yes", "on"), True),
    **dict.fromkeys(("0", "false", "no", "off"), False),
}


def with_value(section: S, key: str, value: object, origin: Origin) -> S:
    """Return settings with another value, unless the present one comes from a higher source.

    Args:
        section: all settings, or one table of them.
        key: the path to the setting from there, such as "server.bind_address".
        value: as TOML would have it.
        origin: where it comes from; its name begins the message of an error.

    Raises:
        ConfigError: the value is not valid.
    """
    name, _, rest = key.partition(".")
    if rest:
        inner = with_value(getattr(section, name), rest, value, origin)
        return section.model_copy(update={name: inner})
    checked = check(type(section), {name: value})
    if checked.model is None:
        raise ConfigError([Fault(origin.name, problem.message) for problem in checked.problems])
    return section.override(name, getattr(checked.model, name), origin)


def with_environment(section: S, environment: Mapping[str, str]) -> S:
    """Return settings with the values of the environment variables that they declare.

    A variable that is not set, or empty, changes nothing. A value of the command line stays.

    Raises:
        ConfigError: a value is not valid; each fault names its variable.
    """
    faults: list[Fault] = []
    for name, field in type(section).model_fields.items():
        variable = rules_of(field).variable
        text = environment.get(variable, "").strip() if variable else ""
        inner = getattr(section, name)
        try:
            if text:
                origin = Origin(Source.ENVIRONMENT, variable)
                section = with_value(section, name, _plain(text, field.annotation), origin)
            elif isinstance(inner, Section):
                section = section.model_copy(update={name: with_environment(inner, environment)})
        except ConfigError as error:
            faults += error.faults
    if faults:
        raise ConfigError(faults)
    return section


def _plain(text: str, annotation: object) -> object:
    """Return the text of a variable as the value that TOML would have for it."""
    if annotation in (bool, bool | None):
        return _WORDS.get(text.lower(), text)
    if annotation in (int, float, int | None, float | None):
        for number in (int, float):
            try:
                return number(text)
            except ValueError:
                continue
    return text
