"""Text in JSON, YAML or TOML to plain values, each of which knows its line."""

from .document import Document, Path, Problem, dotted
from .faults import FaultList
from .json_text import parse_json
from .plain import check_plain
from .toml_text import parse_toml
from .yaml_text import parse_yaml

__all__ = [
    "Document",
    "FaultList",
    "Path",
    "Problem",
    "check_plain",
    "dotted",
    "parse_json",
    "parse_toml",
    "parse_yaml",
]
