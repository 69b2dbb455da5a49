from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

import pytest

from bayescope.diagnostics.records import Verdict
from bayescope.reports.figures import figures
from bayescope.reports.html import render_html
from bayescope.reports.markdown import escape, fence, render_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    'a"onload="x',
    "cost_$_$x",
    "a|b",
    "new\nline",
    "naïve 名前",
    "`tick",
    "{{ 7*7 }}",
]


class Page(HTMLParser):
    """Collect tags, attributes and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.content = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.content.append(data)


@pytest.fixture(scope="module")
def hostile(workshop):
    names = HOSTILE
    record, fits = workshop.run(
        names, title="<b>title</b>", verdict=Verdict(status="fail", sentence="<i>no</i> | *yes*")
    )
    return record, fits, figures(record, fits)


@pytest.fixture(scope="module")
def page(hostile):
    return render_html(*hostile)


@pytest.fixture(scope="module")
def plain_run(workshop):
    return workshop.run(["mom_iq"])


@pytest.fixture(scope="module")
def drawn(plain_run):
    return figures(*plain_run)


def test_no_text_of_the_user_becomes_markup(page):
    tags = set(Page(page).tags)
    assert not tags & {"script", "b>", "i", "iframe", "object", "embed", "link"}
    assert "<script" not in page
    text = "".join(Page(page).content)
    assert "<script>alert(1)</script>" in text
    assert "{{ 7*7 }}" in text
    assert "<b>title</b>" in text


def test_no_attribute_runs_or_loads_anything(page):
    for tag, name, value in Page(page).attributes:
        assert not name.startswith("on"), (tag, name)
        assert name != "style"
        if name in {"src", "href"}:
            assert value.startswith(("data:image/svg+xml;base64,", "#"))


def test_the_content_security_policy_allows_the_stylesheet_and_images_only(page):
    policies = [
        value for _, name, value in Page(page).attributes if name == "content" and "default-src" in value
    ]
    css = re.search(r"<style>(.*?)</style>", page, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    assert policies == [
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    ]


def test_the_page_names_no_other_address(page):
    assert not re.search(r"https?:|url\(|@import", page)


def test_the_links_of_the_contents_have_their_sections(page):
    attributes = Page(page).attributes
    ids = [value for _, name, value in attributes if name == "id"]
    assert len(ids) == len(set(ids))
    assert {value[1:] for _, name, value in attributes if name == "href"} <= set(ids)


def test_figures_are_described_and_tables_have_headers_and_captions(page):
    tags = Page(page).tags
    described = [value for tag, name, value in Page(page).attributes if (tag, name) == ("img", "alt")]
    assert len(described) == tags.count("img")
    assert all(len(text) > 20 for text in described)
    assert tags.count("caption") == tags.count("thead") == tags.count("table")


def test_the_same_run_gives_the_same_bytes(plain_run, drawn):
    again = figures(*plain_run)
    assert again == drawn
    assert render_html(*plain_run, again) == render_html(*plain_run, drawn)
    assert render_markdown(*plain_run, again) == render_markdown(*plain_run, drawn)


def test_every_figure_is_well_formed_and_runs_nothing(hostile):
    for picture in hostile[2].values():
        root = ET.fromstring(picture.svg)  # noqa: S314
        assert not [element for element in root.iter() if element.tag.endswith(("script", "foreignObject"))]
        assert picture.png.startswith(b"\x89PNG")


def test_names_of_figures_are_safe_file_names(hostile):
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", name) for name in hostile[2])


def test_the_figures_of_a_run_with_a_sampler(drawn):
    assert set(drawn) == {
        "plate", "density-01-Intercept", "density-02-mom_iq", "density-03-sigma",
        "rank-trace-nuts", "ess-nuts", "energy-nuts", "predictive",
    }  # fmt: skip


def test_many_unknowns_share_small_multiples_and_a_forest(workshop):
    record, fits = workshop.run([f"x{k}" for k in range(13)])
    assert {"forest", "densities"} <= set(figures(record, fits[:2]))


def test_a_run_without_answers_has_a_report(workshop):
    record, fits = workshop.run(estimates=(), comparison=(), predictive=None, checks=())
    page = render_html(record, fits[-1:])
    assert "not applicable" in page
    assert 'id="agreement"' not in page
    assert "## Agreement" not in render_markdown(record, fits[-1:], figures(record, fits[-1:]))


def test_markdown_has_one_row_a_parameter_and_no_html(hostile):
    text = render_markdown(*hostile)
    prose = re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert not re.search(r"<[a-z/]", prose)
    table = prose.split("## Estimates")[1].split("## Data")[0].strip().splitlines()[2:]
    cells = [len(re.findall(r"(?<!\\)\|", line)) for line in table]
    assert set(cells) == {6}
    assert len(table) == 2 + len(HOSTILE) + 2
    assert r"cost\_\$\_\$x" in prose


@pytest.mark.parametrize("render", [render_markdown, render_html])
def test_one_row_is_one_observation(workshop, render):
    record, fits = workshop.run()
    one = record.data.model_copy(update={"rows": 1, "observations": 1, "dropped": 1})
    text = render(record.model_copy(update={"data": one}), fits, {})
    assert "1 observation" in text
    assert "1 row." in text
    assert "1 row with missing values was dropped." in text
    assert not re.search(r"\b1 (rows|observations)\b", text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("mom_hs", "mom_hs"),
        ("a|b", r"a\|b"),
        ("<b>", "&lt;b&gt;"),
        ("*x*", r"\*x\*"),
        ("_x_", r"\_x\_"),
        ("a\nb", "a␤b"),
    ],
)
def test_escaping_of_markdown(text, escaped):
    assert escape(text) == escaped


def test_a_fence_is_longer_than_the_backticks_inside():
    assert fence("a\n````\nb").startswith("`````text\n")
