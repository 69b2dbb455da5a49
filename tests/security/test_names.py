"""Names, levels and titles that are code to a browser, a terminal or a spreadsheet stay text everywhere."""

import contextlib
import csv
import io
import json
import shutil
import subprocess
import threading
import unicodedata
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bayescope.cli import main

# {hit} is an address that a page must never ask for, {mark} a statement that a page must never run.
HTML = (
    "<script>{mark}</script>",
    "<script src='{hit}'></script>",
    "</style><script>{mark}</script>",
    "</title><script>{mark}</script>",
    "</textarea><script>{mark}</script>",
    "</td></tr></table><script>{mark}</script>",
    "</pre><img src=x onerror={mark}>",
    "--><script>{mark}</script><!--",
    "]]><script>{mark}</script>",
    "<img src=x onerror={mark}>",
    "<img src={hit}>",
    "<img srcset='{hit} 1x'>",
    "<svg onload={mark}>",
    "<svg><script>{mark}</script></svg>",
    "<svg><image href='{hit}'/></svg>",
    "<iframe src='{hit}'></iframe>",
    "<iframe srcdoc='<script>parent.{mark}</script>'></iframe>",
    "<object data='{hit}'></object>",
    "<embed src='{hit}'>",
    "<link rel=stylesheet href='{hit}'>",
    "<meta http-equiv=refresh content='0;url={hit}'>",
    "<base href='{hit}'>",
    "<style>@import '{hit}';</style>",
    "<div style=\"background:url('{hit}')\">",
    "<video src='{hit}' autoplay onerror={mark}></video>",
    "<details open ontoggle={mark}>",
    "<input autofocus onfocus={mark}>",
    "<body onload={mark}>",
    '"><script>{mark}</script>',
    "' onmouseover='{mark}' x='",
    '" autofocus onfocus="{mark}',
    "<a href='javascript:{mark}' id=link>x</a>",
    "&lt;script&gt;{mark}&lt;/script&gt;",
    "&#60;script&#62;{mark}&#60;/script&#62;",
    "{{{{ 7 * 7 }}}}{{% raw %}}",
    "<scr<script>ipt>{mark}</script>",
    "\u003cscript\u003e{mark}\u003c/script\u003e",
    "<math><mtext><script>{mark}</script></mtext></math>",
)

TERMINAL = (
    "\x1b[31mred",
    "\x1b[2J\x1b[Hcleared",
    "\x1b]0;title\x07",
    "\x1b]8;;http://127.0.0.1/\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]52;c;cHduZWQ=\x07",
    "\x1bP$q\x1b\\",
    "\x1b[6n",
    "\x9b31mred",
    "\x9d0;title\x9c",
    "bell\x07",
    "back\x08\x08space",
    "over\rwritten",
    "\x7fdelete",
    "vertical\x0btab",
    "\u202eright to left",
    "\u2066isolated\u2069",
    "zero\u200bwidth",
    "[red]rich[/red]",
    ":smile: [link=http://127.0.0.1]x[/link]",
)

SPREADSHEET = (
    "=1+1",
    "=cmd|' /C calc'!A0",
    '=HYPERLINK("http://127.0.0.1/","x")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",  # noqa: RUF001  full-width signs are signs to some spreadsheets
    "＋1",  # noqa: RUF001
    "－1",  # noqa: RUF001
    "＠x",  # noqa: RUF001
    '"=1+1',
    ",=1+1",
)

FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001

MARK = "document.documentElement.setAttribute('data-pwned',6*7)"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class _Count(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.hits.append(self.path)
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture(scope="module")
def server():
    """A server on this machine that notes what is asked of it."""
    with HTTPServer(("127.0.0.1", 0), _Count) as server:
        server.hits = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def html(server):
    """The HTML payloads: what they ask for is an address of `server`."""
    hit = f"http://127.0.0.1:{server.server_port}/hit"
    return tuple(text.format(mark=MARK, hit=hit) for text in HTML)


@pytest.fixture(scope="module")
def project(html, tmp_path_factory):
    """A run whose columns, levels and title are all hostile, in the current folder; every level has three rows."""
    folder = tmp_path_factory.mktemp("hostile")
    with contextlib.chdir(folder):
        write_project(html)
        yield folder


def write_project(html):
    levels = [*html, *TERMINAL, *SPREADSHEET]
    rows = [(level, k) for k in range(3) for level in levels]
    header = [html[9], TERMINAL[0], SPREADSHEET[1], html[0]]
    table = [[(7 * i) % 11 + k, i % 5, (i * i) % 7, level] for i, (level, k) in enumerate(rows)]
    for name in ("data.csv", "more.csv"):
        with Path(name).open("w", newline="", encoding="utf-8") as stream:
            csv.writer(stream).writerows([header, *table])
    response, *numbers, group = (f"`{name}`" for name in header)
    config = {
        "name": "hostile",
        "title": f"{html[3]} {TERMINAL[1]} {html[6]}",
        "data": "data.csv",
        "model": {
            "use": "linear",
            "formula": f"{response} ~ {' + '.join(numbers)} + {group}",
            "priors": {"coefficients": "Normal(0, 3)", f"`{header[1]}`": "Normal(0, 1)"},
        },
        "inference": ["mle", "map", {"exact": {"draws": 200}}],
    }
    Path("run.yaml").write_text(json.dumps(config))


@pytest.fixture(scope="module")
def printed(project):
    """What every command prints of the project, by command; afterwards all its files are there."""
    texts = {}

    def run(*arguments):
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
            pytest.raises(SystemExit) as end,
        ):
            main([str(argument) for argument in arguments])
        assert end.value.code == 0, err.getvalue()
        texts[" ".join(map(str, arguments))] = out.getvalue() + err.getvalue()

    run("validate", "run.yaml")
    run("run", "run.yaml")
    (folder,) = Path("runs").iterdir()
    run("path", "run.yaml", "--grid", "5", "--folds", "0")
    run("path", "run.yaml", "--grid", "5", "--folds", "0", "--json")
    for kind in ("mean", "interval", "draws"):
        run("predict", folder, "data.csv", "--kind", kind, "--out", f"{kind}.csv")
    run("report", folder)
    run("compare", folder, shutil.copytree(folder, "copy"))
    run("update", folder, "more.csv", "--out", "updated", "--json")
    return texts


def unsafe(text):
    """The characters of a text that a terminal would obey: control characters, and those that turn text round."""
    return {c for c in text if c != "\n" and unicodedata.category(c) in {"Cc", "Cf"}}


def test_the_corpora_are_large():
    assert len(HTML) >= 30
    assert len(TERMINAL) >= 12
    assert len(SPREADSHEET) >= 12


@pytest.mark.slow
def test_nothing_that_is_printed_commands_the_terminal(printed):
    assert len(printed) == 10
    assert {command: unsafe(text) for command, text in printed.items() if unsafe(text)} == {}


@pytest.mark.parametrize(
    "broken",
    [
        lambda text: {"data": {"columns": {"y": [1.0, 2.0, text], "x": [1, 2, 3]}}},
        lambda text: {"data": {"columns": {"y": [1.0, 2.0, 3.0], text: [1, 2, 3]}}},
        lambda text: {"data": text + ".csv"},
        lambda text: {"name": text},
        lambda text: {text: text},
        lambda text: {"model": {"use": "linear", "formula": f"y ~ {text}"}},
        lambda text: {"model": {"use": "linear", "formula": "y ~ x", "priors": {text: text}}},
        lambda text: {"model": {"use": text}},
        lambda text: {"inference": [text]},
        lambda text: {"inference": [{"exact": {text: text}}]},
    ],
    ids=["cell", "column", "path", "name", "key", "formula", "prior", "use", "recipe", "setting"],
)
def test_no_message_commands_the_terminal(broken, command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = {
        "name": "hostile",
        "data": {"columns": {"y": [1.0, 2.0, 4.0], "x": [1, 2, 3]}},
        "model": {"use": "linear", "formula": "y ~ x"},
        "inference": ["mle"],
        **broken("".join(TERMINAL)),
    }
    Path("run.yaml").write_text(json.dumps(config))
    code, out, err = command("validate", "run.yaml")
    assert code in {2, 3}
    assert out == ""
    assert unsafe(err) == set()


def is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.usefixtures("printed")
def test_no_cell_of_any_csv_file_is_a_formula(project):
    written = [path for path in project.rglob("*.csv") if path.name not in {"data.csv", "more.csv"}]
    assert {path.name for path in written} == {
        "estimates.csv", "comparison.csv", "loo.csv", "path.csv", "mean.csv", "interval.csv", "draws.csv",
    }  # fmt: skip
    for path in written:
        cells = [cell for row in csv.reader(io.StringIO(path.read_text(newline=""))) for cell in row]
        assert len(cells) > 100
        assert [cell for cell in cells if cell.startswith(FORMULA_SIGNS) and not is_number(cell)] == [], path


def opened(page, folder):
    """The document that a browser makes of a page, when all its scripts have had their chance."""
    quiet = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", *quiet, f"--user-data-dir={folder}"]
    command += ["--virtual-time-budget=4000", "--dump-dom", page.absolute().as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=True).stdout


@pytest.mark.slow
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.usefixtures("printed")
def test_a_browser_runs_no_script_of_a_report_and_asks_for_nothing(html, server, project, tmp_path):
    control = tmp_path / "control.html"
    control.write_text("<!doctype html><html><body>" + "<hr>".join(html[:13]), encoding="utf-8")
    assert 'data-pwned="42"' in opened(control, tmp_path / "profile")  # so that its absence means something
    assert server.hits
    server.hits.clear()
    pages = [*project.glob("runs/*/report.html"), *project.glob("runs/*/path.html")]
    assert len(pages) == 2
    for page in pages:
        document = opened(page, tmp_path / "profile")
        assert "</html>" in document
        assert "data-pwned=" not in document
    assert server.hits == []
