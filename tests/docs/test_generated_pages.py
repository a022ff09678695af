"""The pages that are generated from the code agree with it."""

import json
import re

import pytest
from cli_page import cli_page
from docstrings import with_fences
from node_types_page import node_types_pages
from plain_text import escaped
from settings_page import settings_page
from typer.main import get_command

import runtime
from actors.catalogue import CatalogueEntry
from runtime import RuntimeConfig, manifest_from
from runtime.catalogue import BUILT_IN, load_actor
from runtime.cli.app import app
from runtime.config import section_of_tables
from tests.docs.blocks import ROOT


@pytest.fixture(scope="module")
def catalogue() -> dict[str, str]:
    return node_types_pages()


def section(page: str, title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert found is not None, title
    return found[1]


@pytest.mark.parametrize("entry", BUILT_IN, ids=lambda entry: entry.name)
def test_the_page_of_a_node_type_has_its_kinds_params_and_executor(
    entry: CatalogueEntry, catalogue: dict[str, str]
) -> None:
    actor = load_actor(entry.target)
    text = catalogue[f"{entry.name}.md"]
    for param, field in actor.params_type.model_fields.items():
        assert f"`{param}`\n:   " in text
        assert escaped(field.description or "")[1:] in text
    for verb, kinds in (("Accepts", actor.accepts), ("Produces", actor.produces)):
        told = re.search(rf"^- \*\*{verb}\*\* (.*)$", text, re.MULTILINE)
        assert told is not None
        if told[1] != "any kind":
            assert set(told[1].split(", ")) == ({kind.value for kind in kinds} or {"nothing"})
    assert ("**Runs** natively" in text) == (entry.executor == "native")
    assert (f"millrace-runtime[{entry.extra}]" in text) == (entry.extra is not None)


def test_the_example_of_a_node_type_is_a_node_of_a_manifest(catalogue: dict[str, str]) -> None:
    for entry in BUILT_IN:
        example = re.search(r"```json\n(.*?)```", catalogue[f"{entry.name}.md"], re.DOTALL)
        assert example is not None
        node = json.loads(example[1])
        manifest_from(
            {"version": "v1", "metadata": {"name": "x"}, "nodes": [node], "connections": []}
        )
        params_type = load_actor(entry.target).params_type
        if all(not field.is_required() for field in params_type.model_fields.values()):
            params_type.model_validate(node.get("params", {}))


def test_every_node_type_has_a_page_and_a_place_in_the_menu(catalogue: dict[str, str]) -> None:
    names = [entry.name for entry in BUILT_IN]
    assert set(catalogue) == {"index.md", "SUMMARY.md", *(f"{name}.md" for name in names)}
    assert re.findall(r"^\* \[(\w+)\]", catalogue["SUMMARY.md"], re.MULTILINE) == names


def test_the_page_of_the_command_line_has_every_command_and_option() -> None:
    page = cli_page()
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        if not command.hidden:
            text = section(page, f"millrace {name}")
            for option in (each for param in command.params for each in param.opts):
                assert not option.startswith("--") or option in text


def test_the_page_of_settings_has_every_key() -> None:
    page = settings_page()
    for name, field in RuntimeConfig.model_fields.items():
        named = section_of_tables(field)
        text = section(page, f"\\[{name}]" if named is None else f"\\[{name}.NAME]")
        for key in getattr(named or field.annotation, "model_fields", ()):
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
