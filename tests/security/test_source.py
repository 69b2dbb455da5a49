"""The source itself: no pickle, no evaluation of text, no shell, no writer of a format that runs code."""

import ast
from pathlib import Path

import bayescope

PACKAGE = Path(bayescope.__file__).parent
MODULES = {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "telnetlib", "code", "codeop", "pty", "imp"}  # fmt: skip
CALLS = {"eval", "exec", "compile", "__import__", "execfile", "input"}
METHODS = {
    "system",
    "popen",
    "to_pickle",
    "read_pickle",
    "load_module",
    "unsafe_load",
    "full_load",
    "Unpickler",
}


def faults(tree):
    """Lines of what must not be there: (line, what)."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names if name.name.split(".")[0] in MODULES)
        elif isinstance(node, ast.ImportFrom):
            module = (node.module or "").split(".")[0]
            yield from ((node.lineno, module) for _ in range(module in MODULES))
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _call_faults(node))


def _call_faults(call):
    if isinstance(call.func, ast.Name) and call.func.id in CALLS:
        yield call.func.id
    if isinstance(call.func, ast.Attribute) and call.func.attr in METHODS:
        yield call.func.attr
    for keyword in call.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if (keyword.arg in {"shell", "allow_pickle"} and value is not False) or (
            keyword.arg == "typ" and value != "safe"
        ):
            yield f"{keyword.arg}={value}"


def test_nothing_in_the_package_reads_or_runs_code():
    found = [
        f"{path.relative_to(PACKAGE)}:{line}: {what}"
        for path in sorted(PACKAGE.rglob("*.py"))
        for line, what in faults(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == []


def test_the_search_finds_what_it_looks_for():
    text = """
import pickle
from joblib import dump
eval("1")
np.load("x", allow_pickle=True)
subprocess.run("ls", shell=True)
YAML(typ="unsafe")
os.system("ls")
re.compile("fine")
"""
    assert [line for line, _ in faults(ast.parse(text))] == [2, 3, 4, 5, 6, 7, 8]


def test_templates_escape_everything_by_themselves():
    templates = sorted((PACKAGE / "reports" / "templates").glob("*.j2"))
    assert templates
    for path in templates:
        text = path.read_text(encoding="utf-8")
        assert "autoescape false" not in text
        assert "<script" not in text
