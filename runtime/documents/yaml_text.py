"""Reads YAML text into a document, with the line of each key and item.

Scalars follow the core schema of YAML 1.2, so that a YAML manifest means the same as its JSON form:
`yes` and `12:30` are text, not true and 750, and a date stays text. Only the standard tags are
accepted, so that a document can create plain values alone.
"""

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn

import yaml

from ..errors import Fault, ManifestError
from .bounds import DEEPEST_NESTING, LONGEST_NUMBER, MOST_VALUES
from .document import Document
from .parser_messages import yaml_message
from .text import is_unicode

_INTEGER: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE: Final = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_NAMES: Final[dict[str, object]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STANDARD: Final = "tag:yaml.org,2002:"
_SCALAR_TYPES: Final[dict[str, type]] = {
    "int": int,
    "float": float,
    "bool": bool,
    "null": type(None),
}


def parse_yaml(text: str, name: str = "") -> Document:
    """Read YAML text of one document.

    Raises:
        ManifestError: the text is not YAML, is nested too deeply, or has too many values (an alias
            counts as many as its anchor has), a tag that is not standard, or a number that is not
            finite; the fault names the line. A repeated key is not raised; it is one of the
            document's faults.
    """
    try:
        return _Builder(text, name).build()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = name if mark is None else _place(name, mark.line + 1)
        what = yaml_message(error.problem or error.context or str(error))
        raise ManifestError([Fault(place, f"is not YAML: {what}")]) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        # The scanner raises ValueError for an escape like \U00110000.
        raise ManifestError([Fault(name, f"is not YAML: {yaml_message(str(error))}")]) from error


class _Builder:
    """Builds values from the events of the parser, and bounds depth and size while it does."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        self._events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
        self._lines: dict[int, dict[str | int, int]] = {}
        self._faults: list[Fault] = []
        self._anchors: dict[str, tuple[object, int] | None] = {}
        self._values = 0

    def build(self) -> Document:
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise ManifestError([Fault(self._name, "is empty; expected a mapping")])
        value = self._value(next(self._events), 0)
        next(self._events)
        after = next(self._events)
        if not isinstance(after, yaml.StreamEndEvent):
            self._refuse(after, "a second document; a file holds one manifest")
        return Document(value, self._name, self._lines, tuple(self._faults))

    def _value(self, event: yaml.Event, depth: int) -> object:
        if depth > DEEPEST_NESTING:
            self._refuse(event, f"nested more than {DEEPEST_NESTING} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        before = self._values
        self._count(event, 1)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._list(event, depth)
        else:
            value = self._mapping(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._values - before)
        return value

    def _alias(self, event: yaml.AliasEvent) -> object:
        if event.anchor not in self._anchors:
            self._refuse(event, f"the alias *{event.anchor} has no anchor before it")
        anchored = self._anchors[event.anchor]
        if anchored is None:
            self._refuse(event, f"the alias *{event.anchor} is inside its own anchor")
        self._count(event, anchored[1])
        return anchored[0]

    def _list(self, start: yaml.CollectionStartEvent, depth: int) -> list[object]:
        self._check_tag(start, "seq")
        result: list[object] = []
        lines = self._lines[id(result)] = {}
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            lines[len(result)] = _line(event)
            result.append(self._value(event, depth + 1))
        return result

    def _mapping(self, start: yaml.CollectionStartEvent, depth: int) -> dict[str, object]:
        self._check_tag(start, "map")
        result: dict[str, object] = {}
        lines = self._lines[id(result)] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            value = self._value(next(self._events), depth + 1)
            if key in result:
                shown = json.dumps(key[:60])
                message = f"the key {shown} is there twice, first on line {lines[key]}; keep one"
                self._faults.append(Fault(_place(self._name, _line(event)), message))
            else:
                result[key] = value
                lines[key] = _line(event)
        return result

    def _key(self, event: yaml.Event) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._refuse(event, "a key that is not plain text")
        if event.value == "<<" and event.implicit[0]:
            self._refuse(event, "the merge key << is not YAML 1.2; write the keys out")
        return self._checked_text(event)

    def _scalar(self, event: yaml.ScalarEvent) -> object:
        text, tag = event.value, event.tag
        if tag in (None, "!"):
            plain = tag is None and event.implicit[0]
            return self._resolved(event) if plain else self._checked_text(event)
        kind = tag.removeprefix(_STANDARD)
        if kind == "str" and tag != kind:
            return self._checked_text(event)
        value = self._resolved(event)
        if tag == kind or type(value) is not _SCALAR_TYPES.get(kind):
            self._refuse(event, f"the tag {tag[:60]} does not fit {text[:40]!r}, or is not known")
        return value

    def _resolved(self, event: yaml.ScalarEvent) -> object:
        text = event.value
        if text in _NAMES:
            return _NAMES[text]
        if _NOT_FINITE.fullmatch(text):
            self._refuse(event, f"got {text}; expected a finite number")
        if _BASED.fullmatch(text) and len(text) <= LONGEST_NUMBER:
            return int(text, 0)
        if not _FLOAT.fullmatch(text):
            return self._checked_text(event)
        if len(text) > LONGEST_NUMBER:
            self._refuse(event, f"a number of {len(text)} characters; at most {LONGEST_NUMBER}")
        if _INTEGER.fullmatch(text):
            return int(text)
        number = float(text)
        if number in (float("inf"), float("-inf")):
            self._refuse(event, f"the number {text[:40]} is too large")
        return number

    def _checked_text(self, event: yaml.ScalarEvent) -> str:
        text: str = event.value
        if not is_unicode(text):
            # JSON writes one character beyond 16 bits as two escapes: "\\ud83d\\ude00".
            text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if "\ufffd" in text and "\ufffd" not in event.value:
            self._refuse(event, "text with half of a surrogate pair, which UTF-8 cannot carry")
        return text

    def _check_tag(self, event: yaml.CollectionStartEvent, kind: str) -> None:
        if event.tag not in (None, "!", _STANDARD + kind):
            self._refuse(event, f"the tag {event.tag[:60]} is not known; leave it out")

    def _count(self, event: yaml.Event, values: int) -> None:
        self._values += values
        if self._values > MOST_VALUES:
            self._refuse(event, f"more than {MOST_VALUES} values, with every alias written out")

    def _refuse(self, event: yaml.Event, message: str) -> NoReturn:
        raise ManifestError([Fault(_place(self._name, _line(event)), message)])


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    return 1 if mark is None else mark.line + 1


def _place(name: str, line: int) -> str:
    return f"{name}:{line}" if name else f"line {line}"
