"""runtime.toml, damaged: settings, or a ConfigError that lists what is wrong."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from hypothesis import strategies as st

from runtime.config import RuntimeConfig, parse_config
from runtime.errors import MAX_ERROR_CHARACTERS, ConfigError

DEFAULTS: Final = (Path(__file__).parents[2] / "runtime.toml").read_text()
_LINES: Final = DEFAULTS.splitlines()
_KEYS: Final = sorted({line.split(" = ")[0].lstrip("# ") for line in _LINES if " = " in line})
_TABLES: Final = [line for line in _LINES if line.startswith("[")]

_SCALARS: Final = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.sampled_from(["true", "false", '""', "[]", "{}", "1e400", "0x10", "1_000", "[[[]]]", "nan"]),
    st.sampled_from(["1979-05-27T07:32:00Z", "'''", '"""', '"\\ud800"', '"\\u0000"', "[1, 'a']"]),
    st.text(max_size=20).map(lambda text: f'"{text}"'),
    st.integers(1, 3000).map(lambda depth: "[" * depth),
)
_ASSIGNMENTS: Final = st.tuples(st.sampled_from(_KEYS) | st.text(max_size=8), _SCALARS).map(
    " = ".join
)
_WRITTEN: Final = st.lists(
    st.one_of(st.sampled_from(_TABLES), _ASSIGNMENTS, st.sampled_from(_LINES), st.text(max_size=20))
).map("\n".join)


@st.composite
def _damaged(draw: st.DrawFn) -> str:
    text = DEFAULTS
    for _ in range(draw(st.integers(1, 6))):
        begin, length = draw(st.integers(0, len(text))), draw(st.integers(0, 40))
        text = text[:begin] + draw(_SCALARS | st.text(max_size=10)) + text[begin + length :]
    return text


EXAMPLES: st.SearchStrategy[str] = _WRITTEN | _damaged()


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check; nothing needs to be open."""
    yield check


def check(text: str) -> None:
    """Parse the text."""
    try:
        config = parse_config(text)
    except ConfigError as error:
        check_error(error)
    else:
        assert isinstance(config, RuntimeConfig)


def check_error(error: ConfigError) -> None:
    """Fail unless the error lists what is wrong, in a text that a terminal or client can show."""
    assert error.faults
    assert len(str(error)) <= MAX_ERROR_CHARACTERS
    str(error).encode()
