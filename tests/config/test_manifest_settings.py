"""The settings that a manifest may set: declared once, and carried by the contract."""

from dataclasses import fields
from typing import Any

import pytest

from runtime.config import Declaration, RuntimeConfig, declarations
from runtime.manifest import manifest_from
from runtime.wire import MultiprocessConfig
from runtime.wire.conversion import manifest_message, manifest_value

IN_MANIFEST = [each for each in declarations(RuntimeConfig) if each.rules.in_manifest]
VALUES = {"an integer": 7, "a number": 7.5, "true or false": False, "text": "/opt/python"}


def value_of(declared: Declaration) -> object:
    return next(value for form, value in VALUES.items() if declared.form.startswith(form))


def manifest_with(**settings: object) -> dict[str, Any]:
    return {
        "version": "v1",
        "metadata": {"name": "x", "multiprocess": settings},
        "nodes": [{"id": "a", "node_type": "PassThrough"}],
        "connections": [],
    }


def test_the_message_has_exactly_the_settings_of_a_manifest() -> None:
    names = {field.name for field in fields(MultiprocessConfig)}
    assert names == {each.name for each in IN_MANIFEST} | {"executor_overrides"}


@pytest.mark.parametrize("declared", IN_MANIFEST, ids=lambda declared: declared.name)
def test_a_setting_travels_in_the_message_and_the_others_stay_unset(declared: Declaration) -> None:
    given = manifest_from(manifest_with(**{declared.name: value_of(declared)}))
    arrived = manifest_from(manifest_value(manifest_message(given)))
    assert arrived.metadata.multiprocess == given.metadata.multiprocess
    assert arrived.metadata.multiprocess.values == {declared.name: value_of(declared)}
