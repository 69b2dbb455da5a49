"""The documentation's examples are run: complete YAML runs validate, `>>>` examples give what they show."""

import doctest
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bayescope.config.load import load_mapping
from bayescope.inference.registry import SETTINGS

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page, language):
    """Fenced code blocks of `language` in a Markdown file."""
    parts = page.read_text(encoding="utf-8").split("```")
    return [part.split("\n", 1)[1] for part in parts[1::2] if part.split("\n", 1)[0].strip() == language]


def complete_runs():
    for page in PAGES:
        for number, text in enumerate(blocks(page, "yaml")):
            content = YAML(typ="safe", pure=True).load(text)
            if isinstance(content, dict) and {"data", "model", "inference"} <= content.keys():
                yield pytest.param(content, id=f"{page.stem}-{number}")


@pytest.mark.parametrize("content", list(complete_runs()))
def test_every_complete_run_in_the_docs_is_a_valid_configuration(content):
    loaded = load_mapping(content, ROOT / "configs", methods=SETTINGS)
    assert loaded.config.name == content["name"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_examples_give_what_they_show(page):
    for number, text in enumerate(blocks(page, "python")):
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, {}, f"{page.name}[{number}]", str(page), 0)
            results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
            assert results.failed == 0, page.name


def test_the_readme_shows_a_complete_run():
    assert any("inference:" in text for text in blocks(ROOT / "README.md", "yaml"))
