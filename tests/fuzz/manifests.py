"""Manifests in JSON and YAML, damaged: a manifest, or a ManifestError that lists what is wrong."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import yaml
from hypothesis import strategies as st

from runtime.errors import MAX_ERROR_CHARACTERS, ManifestError
from runtime.manifest import Manifest, manifest_from, parse_manifest
from runtime.wire import PipelineManifest
from runtime.wire.codec import Codec
from runtime.wire.conversion import manifest_message, manifest_value
from tests.manifest.test_manifest_mutations import mutants

_CODEC = Codec(PipelineManifest)

_PIECES = st.one_of(
    st.text(max_size=10),
    st.sampled_from(["&a ", "*a", "<<: *a", "!!python/object:os.system ", "? ", "- ", "\t", "\0"]),
    st.sampled_from(["{", "}", "[", "]", '"', "'", ":", ",", "|\n", ">\n", "#", "%TAG", "---\n"]),
    st.sampled_from(["1e999", "0o7", "1_0", "yes", "~", "\ud800", '"\\ud800"', "\u2028", "NaN"]),
    st.integers(1, 3000).map(lambda depth: "[" * depth),
    st.integers(1, 3000).map(lambda depth: "{a: " * depth),
)


@st.composite
def _texts(draw: st.DrawFn) -> tuple[str, str]:
    """Draw a name and a text: a changed value, with or without further damage to its text."""
    value = draw(mutants())
    name = draw(st.sampled_from(["m.json", "m.yaml", "m"]))
    is_yaml = draw(st.booleans())
    text = (
        yaml.safe_dump(value, allow_unicode=draw(st.booleans())) if is_yaml else json.dumps(value)
    )
    for _ in range(draw(st.integers(0, 4))):
        begin, length = draw(st.integers(0, len(text))), draw(st.integers(0, 20))
        text = text[:begin] + draw(_PIECES) + text[begin + length :]
    return name, text


EXAMPLES: st.SearchStrategy[tuple[str, str]] = _texts()


@contextmanager
def opened() -> Iterator[Callable[[Any], None]]:
    """Return the check; nothing needs to be open."""
    yield check


def check(example: tuple[str, str]) -> None:
    """Parse the text; a manifest is the same after a round trip through the contract's message."""
    name, text = example
    try:
        manifest = parse_manifest(text, name)
    except ManifestError as error:
        check_error(error)
        return
    try:
        value = _through_the_wire(manifest)
    except ManifestError as error:  # numbers that the contract's fields cannot hold
        check_error(error)
        return
    assert [node.id for node in value.nodes] == [node.id for node in manifest.nodes]
    assert value.connections == manifest.connections


def _through_the_wire(manifest: Manifest) -> Manifest:
    message = _CODEC.decode(_CODEC.encode(manifest_message(manifest)), PipelineManifest)
    return manifest_from(manifest_value(message))


def check_error(error: ManifestError) -> None:
    """Fail unless an error is fit for a client."""
    assert error.faults
    assert len(str(error)) <= MAX_ERROR_CHARACTERS
    str(error).encode()
