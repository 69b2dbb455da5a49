"""The mutants of `make mutants`: the changes of the code that can have an effect, and a sample of them."""

from __future__ import annotations

import ast
import random
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names


@dataclass(frozen=True)
class Part:
    """A part of the code, of which a sample is drawn: its modules, and their unit tests."""

    code: tuple[str, ...]
    tests: tuple[str, ...]


def each(start: str, names: str) -> tuple[str, ...]:
    """Return the Python files whose paths start the same."""
    return tuple(f"{start}{name}.py" for name in names.split())


PARTS = {
    "config": Part(("src/bayescope/config/*.py",), ("tests/config/*.py",)),
    "models": Part(
        ("src/bayescope/models/*.py",),
        ("tests/models/*.py", *each("tests/data/test_", "data_stream offset_and_weights")),
    ),
    "exact": Part(  # what `exact` computes its answers with, and few other methods do
        each(
            "src/bayescope/inference/",
            "condense conjugate* exact* gram hypotheses improper linear_gaussian named_marginals "
            "normal_inverse_gamma normal_statistics quadrature regression root_inverse_gamma rounding "
            "sufficient tabulated unknown_sigma",
        ),
        each(
            "tests/inference/test_",
            "condense conjugate* exact gram hypotheses_fit improper linear_gaussian marginal_base "
            "marginals normal_inverse_gamma normal_statistics quadrature rounding solvable unknown_sigma",
        ),
    ),
}
ARITHMETIC = "Add|Sub|Mul|Div|FloorDiv|Mod|Pow"
ORDER = "Eq|NotEq|Lt|LtE|Gt|GtE"
# Not taken: shifts and bits of floats (always an error), `is` for == (texts are interned), decorators.
OPERATORS = re.compile(
    rf"core/(ReplaceBinaryOperator_(({ARITHMETIC})_({ARITHMETIC})|Bit(Or|And|Xor)_Bit(Or|And|Xor))"
    rf"|ReplaceComparisonOperator_(({ORDER})_({ORDER})|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_.*|AddNot|Replace(True|False|And|Or|Break|Continue)With.*|ExceptionReplacer"
    r"|NumberReplacer|ZeroIterationForLoop)"
)


@dataclass(frozen=True)
class Mutant:
    """One change of the code: the `occurrence`-th that an operator can make in a file, and where it is."""

    file: str
    line: int
    operator: str
    occurrence: int

    def code(self) -> str:
        """Return the text of the file with the change."""
        text = Path(self.file).read_text("utf-8")
        return mutate_code(text, get_operator(self.operator)(), self.occurrence) or ""


def without_unions(annotation: ast.expr) -> ast.expr:
    """Return an annotation whose changed unions are unions again."""
    return ast.parse(ast.unparse(annotation).translate(str.maketrans("&^", "||")), mode="eval").body


class Bare(ast.NodeTransformer):
    """Take away what has no effect when code runs: annotations, decorators, `zip(strict=)`."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Drop the decorators and what is returned."""
        node.decorator_list, node.returns = [], None
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Drop the decorators."""
        node.decorator_list = []
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        """Drop the annotation."""
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Drop the unions of the annotation; bounds that pydantic checks may stand in the rest."""
        node.annotation = without_unions(node.annotation)
        return self.generic_visit(node)

    def visit_TypeAlias(self, node: ast.TypeAlias) -> ast.AST:
        """Drop the unions of the alias, as in an annotation."""
        node.value = without_unions(node.value)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        """Drop imports that only a type checker makes."""
        return None if "TYPE_CHECKING" in ast.unparse(node.test) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Drop `strict=True` of `zip`: the lengths are equal by construction."""
        if isinstance(node.func, ast.Name) and node.func.id == "zip":
            node.keywords = []
        return self.generic_visit(node)


def bare(code: str) -> str:
    """Return the code without what has no effect, or nothing when it is no Python."""
    try:
        return ast.dump(Bare().visit(ast.parse(code)))
    except SyntaxError:
        return ""


def sample(part: str, size: int, seed: int) -> Iterator[Mutant]:
    """Yield mutants at random places of a part of the code, one at a place, that can have an effect."""
    places = defaultdict(list)
    files = [path for entry in PARTS[part].code for path in Path().glob(entry)]
    for file in sorted(files):
        nodes = list(ast_nodes(get_ast_from_path(file)))
        for name in filter(OPERATORS.fullmatch, operator_names()):
            operator = get_operator(name)()
            found = [pos for node in nodes for pos in operator.mutation_positions(node)]
            for occurrence, (start, _) in enumerate(found):
                kind = name.split("_")[0]
                places[str(file), start, kind].append(Mutant(str(file), start[0], name, occurrence))
    count = sum(map(len, places.values()))
    print(f"{part}: {count} mutants at {len(places)} places of {len(files)} files", flush=True)
    chance = random.Random(seed)  # noqa: S311
    order = chance.sample(sorted(places), len(places))
    chosen = (chance.choice(places[place]) for place in order)
    originals = {str(file): bare(file.read_text("utf-8")) for file in files}
    effective = (mutant for mutant in chosen if bare(mutant.code()) not in ("", originals[mutant.file]))
    yield from islice(effective, size)
