"""The pages that are made from the code say what the code says."""

import re

import pytest
from docstrings import with_fences
from node_types_page import node_types_page
from plain_text import escaped
from settings_page import settings_page

import runtime
from actors.catalogue import CATALOGUE, CatalogueEntry
from runtime import RuntimeConfig
from runtime.catalogue import load_actor
from tests.docs.blocks import ROOT


@pytest.fixture(scope="module")
def catalogue() -> str:
    return node_types_page()


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("entry", CATALOGUE, ids=lambda entry: entry.name)
def test_the_page_of_node_types_has_what_a_type_takes_and_gives(
    entry: CatalogueEntry, catalogue: str
) -> None:
    actor = load_actor(entry.target)
    text = section(catalogue, entry.name)
    for param, field in actor.params_type.model_fields.items():
        assert f"`{param}`\n: " in text
        assert escaped(field.description or "")[1:] in text
    for verb, kinds in (("takes", actor.accepts), ("gives", actor.produces)):
        told = re.search(rf"^- {verb} (.*)$", text, re.MULTILINE)
        assert told is not None
        if told[1] != "any kind":
            assert set(told[1].split(", ")) == {kind.value for kind in kinds}
    assert ("natively" in text) == (entry.executor == "native")
    assert (f"millrace-runtime[{entry.extra}]" in text) == (entry.extra is not None)


def test_the_page_of_node_types_has_no_other(catalogue: str) -> None:
    assert re.findall("^## (.*)$", catalogue, re.MULTILINE) == [entry.name for entry in CATALOGUE]


def test_the_page_of_settings_has_every_key() -> None:
    page = settings_page()
    for name, field in RuntimeConfig.model_fields.items():
        text = section(page, f"\\[{name}]")
        for key in getattr(field.annotation, "model_fields", ()):
            assert f"`{key}`\n: " in text


def test_examples_in_docstrings_are_shown_as_code() -> None:
    text = "Add.\n\n>>> 1 + 1\n2\n\nExample:\n    async with it:\n        pass\n"
    assert with_fences(text) == (
        "Add.\n\n```pycon\n>>> 1 + 1\n2\n```\n\n```python\nasync with it:\n    pass\n```\n"
    )


def test_the_reference_has_every_name_of_the_runtime() -> None:
    pages = [ROOT / f"docs/reference/{name}.md" for name in ("runtime", "errors")]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    assert set(re.findall(r"^::: runtime\.(\w+)$", text, re.MULTILINE)) == set(runtime.__all__)
