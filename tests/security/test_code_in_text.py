"""Formulas, priors and statements are data: 50 texts of each kind that would be code elsewhere have no effect."""

from pathlib import Path

import pytest

import bayescope
from bayescope.errors import BayescopeError
from bayescope.preparation import prepare, read_config

CODE = [
    "__import__('os').system('touch pwned')",
    "__import__('subprocess').run(['touch', 'pwned'])",
    "open('pwned', 'w').write('x')",
    "open('pwned', 'w')",
    'exec(\'open("pwned", "w")\')',
    'eval(\'open("pwned", "w")\')',
    "compile('1', 'x', 'exec')",
    "(lambda: open('pwned', 'w'))()",
    "[open('pwned', 'w') for i in [1]]",
    "{open('pwned', 'w') for i in [1]}",
    "(i for i in [open('pwned', 'w')])",
    "open('pwned', 'w') if True else 0",
    "x if x else x",
    "x := 3",
    "(y := open('pwned', 'w'))",
    'f\'{open("pwned", "w")}\'',
    "b'bytes'",
    "'text'",
    "().__class__.__bases__[0].__subclasses__()",
    "x.__class__",
    "x.__init__.__globals__['os'].system('touch pwned')",
    "np.fromfile('/etc/passwd')",
    "numpy.load('evil.npy', allow_pickle=True)",
    "pd.read_pickle('evil.pkl')",
    "pickle.loads(b'x')",
    "os.environ['HOME']",
    "globals()",
    "locals()['x']",
    "getattr(x, '__class__')",
    "setattr(x, 'y', 1)",
    "print(1)",
    "input()",
    "breakpoint()",
    "exit()",
    "import os",
    "x; import os; os.system('touch pwned')",
    "x\nimport os",
    "del x",
    "assert x",
    "await x",
    "yield x",
    "x @ x",
    "x << 99999999999",
    "x[0]",
    "x['__class__']",
    "*x",
    "**x",
    "@eval x",
    "$(touch pwned)",
    "`touch pwned`",
    "{{ 7 * 7 }}",
    "{% import os %}",
    "${jndi:ldap://127.0.0.1/x}",
    "!!python/object/apply:os.system ['touch pwned']",
]

TOO_MUCH = [
    "(" * 5000 + "x" + ")" * 5000,
    "-" * 5000 + "x",
    " + ".join(["x"] * 5000),
    " * ".join(["x"] * 5000),
    ":".join(["x"] * 5000),
    "x ** 9 ** 9 ** 9 ** 9",
    "x ** 99999999999",
    "x" * 100_000,
    "9" * 5000,
    "1e99999",
    "0x" + "f" * 2000,
    "poly(x, 999999999)",
    "bs(x, df=999999999)",
    "cr(x, knots=[" + ",".join(map(str, range(5000))) + "])",
    "log(" * 400 + "x" + ")" * 400,
    "(x + z + w) ** 30",
    "(((x + z) * (x + w)) ** 20) ** 20",
    "\0",
    "x\0",
    "\u202ex",
    "ｅｖａｌ('1')",  # noqa: RUF001
    "х",  # noqa: RUF001  a Cyrillic letter
]

CONFIG = {
    "name": "hostile",
    "data": {"columns": {"y": [1.0, 2.5, 2.0, 4.0], "x": [1.0, 2.0, 3.0, 4.0], "z": [1.0, 0.0, 1.0, 1.0], "w": [2.0, 1.0, 0.0, 1.0]}},
    "model": {"use": "linear", "formula": "y ~ x"},
    "inference": ["mle"],
}  # fmt: skip


def test_the_corpus_is_large():
    assert len(CODE) >= 50


@pytest.fixture(scope="module")
def fit():
    return bayescope.run({**CONFIG, "inference": ["exact"]})["exact"]


@pytest.fixture
def outcome(watched, tmp_path, monkeypatch):
    """Check a configuration and build its model: returns the exit code, after proof that nothing else happened."""
    monkeypatch.chdir(tmp_path)

    def check(model):
        try:
            prepare(read_config({**CONFIG, "model": {**CONFIG["model"], **model}}))
        except BayescopeError as error:
            return error.exit_code
        return 0

    def run(**model):
        check(model)  # the first time may import a module, for a message
        with watched() as effects:
            code = check(model)
        assert effects == []
        assert list(Path().iterdir()) == []
        return code

    return run


@pytest.mark.parametrize("text", CODE)
class TestCode:
    def test_in_a_formula_it_is_refused_without_effect(self, text, outcome):
        assert outcome(formula=f"y ~ {text}") == 2
        assert outcome(formula=f"{text} ~ x") == 2
        assert outcome(formula={"mu": "y ~ x", "sigma": f"~ {text}"}) == 2

    def test_in_a_prior_it_is_refused_without_effect(self, text, outcome):
        assert outcome(priors={"x": text}) == 2
        assert outcome(priors={"x": f"Normal(0, {text})"}) == 2
        assert outcome(priors={"x": f"Normal({text}, 1)"}) == 2

    def test_as_any_other_text_of_a_model_it_is_refused_without_effect(self, text, outcome):
        assert outcome(priors={text: "Normal(0, 1)"}) == 2
        for key in ("use", "likelihood", "link", "offset", "weights"):
            assert outcome(**{key: text}) == 2

    def test_in_a_statement_it_is_refused_without_effect(self, text, fit, watched):
        def ask():
            with pytest.raises(BayescopeError):
                fit.probability(f"{text} > 0")

        ask()
        with watched() as effects:
            ask()
        assert effects == []


SUMS = set("x zw+*:-")  # a sum of one column is that column, however long


@pytest.mark.parametrize("text", TOO_MUCH, ids=lambda text: ascii(text[:20]))
def test_what_is_too_long_too_deep_or_too_large_is_refused(text, outcome):
    assert outcome(formula=f"y ~ {text}") in ({0, 2} if set(text) <= SUMS else {2})
    assert outcome(priors={"x": f"Normal(0, {text})"}) == 2


def test_the_watch_sees_what_it_is_for(watched, tmp_path):
    """So that the absence of effects above means something."""
    with watched() as effects:
        (tmp_path / "pwned").write_text("x")
        exec("1 + 1")  # noqa: S102
    assert [effect.split()[0] for effect in effects] == ["open", "exec"]
