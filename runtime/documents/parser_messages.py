"""Messages of the YAML and TOML parsers, as what is wrong in the document and what to do."""

import re
from typing import Final

_Table = tuple[tuple[re.Pattern[str], str], ...]


def _table(*rows: tuple[str, str]) -> _Table:
    return tuple((re.compile(pattern), message) for pattern, message in rows)


_YAML: Final = _table(
    (
        r"^mapping (values|keys) are not allowed",
        'a ":" or "?" where no key can be; put text that has ": " in it into quotes',
    ),
    (r"^found character '\\t'", "a tab; indent with spaces"),
    (
        r"^found character (.+) that cannot start",
        r"a value cannot start with \1; put it into quotes",
    ),
    (r"^could not find expected ':'", 'a key without ":" after it'),
    (
        r"^(expected <block end>|did not find expected (key|<block))",
        "the indentation does not fit the lines above, or a value is not finished",
    ),
    (
        r"(',' or '(.)'), but got",
        r'a list or mapping without "," between its values, or without "\2" at its end',
    ),
    (r"^found unexpected end of stream", "text without its closing quote"),
    (r"^found unexpected document separator", "text without its closing quote before ---"),
    (
        r"^found unknown escape character ['\"](.+)['\"]",
        r"\\\1 is no escape of YAML; write \\\\ for a backslash, or use single quotes",
    ),
    (
        r"^(expected escape sequence|expected .* hexdecimal)",
        "an escape without its hexadecimal digits",
    ),
    (r"^(block )?sequence entries are not allowed", 'a "-" where no list can be'),
    (
        r"^found incompatible YAML document",
        "a version of YAML that is not known; leave the line %YAML out",
    ),
    (
        r"^(expected (alphabetic|'.', but)|found undefined tag handle)",
        "a value cannot start with &, *, % or ! unless a name follows; put it into quotes",
    ),
    (
        r"^expected (chomping|indentation indicator|a comment or a line break)",
        "more than | or > before a text of several lines; put a value with | or > into quotes",
    ),
    (
        r"^expected '<document start>'",
        "more text after the value; indent it, or put the value into quotes",
    ),
    (
        r"^(expected the node content|expected URI|did not find)",
        "a value is missing or starts with a character that it cannot start with",
    ),
    (r"unacceptable character #x([0-9a-fA-F]+)", r"the character U+\1, which text cannot have"),
    (r"chr\(\) arg", "an escape of a character that does not exist"),
)
_TOML: Final = _table(
    (
        r"^Expected newline or end of document",
        "more text after the value; is a quote missing, or a date that does not exist?",
    ),
    (r"^Expected '=' after a key", 'a key without "=" after it'),
    (r"^Invalid value", "no value; text is in quotes, and booleans are true and false"),
    (r"^Invalid (statement|initial character for a key)", "neither a key nor a [table]"),
    (r"^Cannot overwrite a value", "a key is there twice; keep one"),
    (r"^Duplicate inline table key (.+)", r"the key \1 is there twice; keep one"),
    (r"^Cannot declare \('(.+?)',?\) twice", r"the table [\1] is there twice; join the two"),
    (
        r"^Cannot (mutate|redefine|add)",
        "a key of a table that is complete already; write all its keys in one place",
    ),
    (
        r"^Unescaped '\\' in a string",
        r"an escape that TOML does not have; write \\\\ for a backslash, or use single quotes",
    ),
    (r"^(Unterminated string|Expected \"|Expected ')['\"]", "text without its closing quote"),
    (r"^Unterminated string", "text without its closing quote"),
    (
        r"^Illegal character '\\n'",
        "text without its closing quote on the same line",
    ),
    (r"^Illegal character (.+)", r"the character \1, which cannot be here"),
    (r"^(Expected '\]+'|Found invalid character)", 'a table without "]" at its end'),
    (r"^Unclosed array", 'a list without "," between its values, or without "]" at its end'),
    (r"^Unclosed inline table", 'a table without "," between its keys, or without "}" at its end'),
    (r"^Exceeds the limit \((\d+) digits\)", r"a number of more than \1 digits"),
    (r"^(Invalid date or datetime|month must|day is|year|hour|minute|second)", "no valid date"),
    (r"recursion", "nested too deeply"),
    (r"^Escaped character is not a Unicode", "an escape of a character that does not exist"),
    (r"^Invalid hex value", "an escape without its hexadecimal digits"),
)


def yaml_message(text: str) -> str:
    r"""Return what is wrong in a YAML document.

    >>> yaml_message("found character '\\t' that cannot start any token")
    'a tab; indent with spaces'
    """
    return _translation(_YAML, text)


def toml_message(text: str) -> str:
    """Return what is wrong in a TOML document.

    >>> toml_message("Cannot declare ('limits',) twice")
    'the table [limits] is there twice; join the two'
    """
    return _translation(_TOML, text)


def _translation(table: _Table, text: str) -> str:
    text = " ".join(text.split())
    for pattern, message in table:
        found = pattern.search(text)
        if found is not None:
            return found.expand(message)
    return text  # a message that a later release of the parser has added
