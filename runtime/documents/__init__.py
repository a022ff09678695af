"""Reads JSON, YAML and TOML into plain values with their lines, and checks them against models."""

from .accepted_forms import (
    ACCEPTED,
    AcceptedField,
    Schema,
    accepted_fields,
    accepted_form,
    fields_of,
    resolved,
    schema_of,
)
from .bounds import MOST_BYTES
from .checking import check, shown
from .document import Document, Path, Problem, dotted
from .faults import MOST_FAULTS, FaultList
from .json_text import parse_json
from .plain import check_plain
from .suggestions import did_you_mean
from .text import decoded
from .toml_text import parse_toml
from .yaml_text import parse_yaml

__all__ = [
    "ACCEPTED",
    "MOST_BYTES",
    "MOST_FAULTS",
    "AcceptedField",
    "Document",
    "FaultList",
    "Path",
    "Problem",
    "Schema",
    "accepted_fields",
    "accepted_form",
    "check",
    "check_plain",
    "decoded",
    "did_you_mean",
    "dotted",
    "fields_of",
    "parse_json",
    "parse_toml",
    "parse_yaml",
    "resolved",
    "schema_of",
    "shown",
]
