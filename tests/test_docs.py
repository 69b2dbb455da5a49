"""The documentation's examples are run: complete YAML runs validate, `>>>` examples give what they show."""

import doctest
import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bayescope.config.load import load_config, load_mapping
from bayescope.inference.registry import SETTINGS
from bayescope.project import SCHEMA_FILES, write_schemas

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


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
def test_examples_give_what_they_show(page, monkeypatch):
    monkeypatch.chdir(ROOT)
    for number, text in enumerate(blocks(page, "python")):
        if ">>>" in text:
            test = doctest.DocTestParser().get_doctest(text, {}, f"{page.name}[{number}]", str(page), 0)
            results = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test)
            assert results.failed == 0, page.name


def test_the_readme_shows_a_complete_run():
    assert any("inference:" in text for text in blocks(ROOT / "README.md", "yaml"))


@pytest.mark.parametrize("file", SCHEMA_FILES.values())
def test_the_schemas_for_editors_are_those_of_the_code(file, tmp_path):
    write_schemas(tmp_path)
    written = (ROOT / "docs" / file).read_text(encoding="utf-8")
    assert written == (tmp_path / file).read_text(encoding="utf-8"), "run `make schemas`"


@pytest.mark.parametrize("shelf", ["models", "inference", "configs"])
def test_every_shipped_file_names_a_schema_that_is_there(shelf):
    for path in sorted((ROOT / shelf).glob("*.yaml")):
        first = path.read_text(encoding="utf-8").split("\n", 1)[0]
        assert first.startswith("# yaml-language-server: $schema="), path.name
        assert (path.parent / first.split("=", 1)[1]).exists(), path.name


def samples():
    return sorted(path for path in (ROOT / "reports").iterdir() if path.is_dir())


@pytest.mark.parametrize("sample", samples(), ids=lambda path: path.name)
def test_a_sample_report_is_whole_and_of_the_shipped_run(sample):
    config = load_config(ROOT / "configs" / f"{sample.name}.yaml", methods=SETTINGS).config
    page = (sample / "report.html").read_text(encoding="utf-8")
    text = (sample / "report.md").read_text(encoding="utf-8")
    assert "<h1" in page
    assert "Content-Security-Policy" in page
    for content in (page, text):
        assert f"bayescope run configs/{sample.name}.yaml" in content
        assert str(config.seed) in content
    for figure in re.findall(r"\((figures/[^)]+)\)", text):
        assert (sample / figure).is_file(), figure


def test_three_reports_are_rendered():
    assert len(samples()) >= 3
