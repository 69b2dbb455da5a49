"""The configuration as frozen pydantic models: what each key is called, may hold, and means.

The loader fills in what the user left to others (`use:`, recipes) before these models see it, so
a `RunConfig` is complete: `model_dump(mode="json")` of one is itself a configuration.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SerializeAsAny,
    StrictStr,
    model_serializer,
)
from pydantic_core import PydanticCustomError

from bayescope.config.arithmetic import GrammarError
from bayescope.config.bodies import Body, parse_body, write_body
from bayescope.config.hypotheses import HypothesisSpec, as_written, parse_hypothesis, parse_probability
from bayescope.config.matrices import Matrix, is_matrix, parse_matrix
from bayescope.config.other_names import meant_by
from bayescope.config.paths import path_text
from bayescope.config.priors import PriorSpec, parse_prior
from bayescope.config.suggest import quoted, suggest
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.links import LINKS
from bayescope.errors import ConfigError

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"

_FORMULA_LINKS = tuple(name for name, link in LINKS.items() if not link.positive)

type Cell = bool | int | float | str | None


def _likelihood(value: object) -> object:
    """Refuse a text that is not the name of a likelihood, and say what was meant."""
    if isinstance(value, str) and value not in LIKELIHOODS:
        message = f"unknown likelihood {quoted(value)}{meant_by(value)}"
        raise PydanticCustomError("unknown_name", "{message}", {"message": message})
    return value


def _prior(value: object) -> PriorSpec | float | Matrix:
    if isinstance(value, PriorSpec):
        return value
    try:
        return parse_matrix(value) if is_matrix(value) else parse_prior(value)
    except ConfigError as error:
        messages = [problem.message for problem in error.problems]
        raise PydanticCustomError("prior", "{messages}", {"messages": messages}) from None


def _prior_text(value: PriorSpec | float | Matrix) -> str | float | Matrix:
    return str(value) if isinstance(value, PriorSpec) else value


def _response(value: object) -> str | tuple[str, ...]:
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not all(isinstance(name, str) and name for name in names):
        raise PydanticCustomError("response", "expected a column, or a list of columns")
    if isinstance(value, str):
        return value
    if len(names) < 2 or len(set(names)) < len(names):
        raise PydanticCustomError("columns", "expected the names of two or more different columns")
    return names


def _formula(value: object) -> str | dict[str, str]:
    if isinstance(value, str) and value:
        return value
    if isinstance(value, dict) and value and all(isinstance(text, str) for text in (*value, *value.values())):
        return dict(value)
    wanted = "expected a formula such as `y ~ x`, or one for each parameter: {mu: y ~ x, sigma: ~ x}"
    raise PydanticCustomError("formula", "{messages}", {"messages": [wanted]})


def _link(value: object) -> str | dict[str, str]:
    links = value.values() if isinstance(value, dict) else (value,)
    messages = [
        f"unknown link {quoted(link)}{suggest(str(link), _FORMULA_LINKS, 'known')}"
        for link in links
        if link not in _FORMULA_LINKS
    ]
    if messages or not links:
        wanted = messages or ["expected a link, or one for each parameter: {mu: identity, sigma: log}"]
        raise PydanticCustomError("link", "{messages}", {"messages": wanted})
    return dict(value) if isinstance(value, dict) else str(value)


def _centered(value: object) -> bool | tuple[str, ...]:
    if isinstance(value, bool):
        return value
    if isinstance(value, list | tuple) and value and all(isinstance(name, str) for name in value):
        return tuple(value)
    wanted = "expected true, false, or a list of grouping factors such as [county]"
    raise PydanticCustomError("centered", "{messages}", {"messages": [wanted]})


def _body(value: object) -> dict[str, Body]:
    try:
        return parse_body(value)
    except ConfigError as error:
        messages = [problem.message for problem in error.problems]
        raise PydanticCustomError("body", "{messages}", {"messages": messages}) from None


def _columns(value: str | tuple[str, ...]) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def _hypothesis(value: object) -> HypothesisSpec:
    try:
        return parse_hypothesis(value)
    except ConfigError as error:
        messages = [problem.message for problem in error.problems]
        raise PydanticCustomError("hypothesis", "{messages}", {"messages": messages}) from None


def _probability(value: object) -> float:
    try:
        return parse_probability(value)
    except GrammarError as error:
        raise PydanticCustomError("probability", "{messages}", {"messages": [str(error)]}) from None


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise PydanticCustomError("cell", "expected a number, true, false, text or null")


def _counted(value: object) -> int | float | str:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("counted", "expected a number or text")


def _from_pairs(value: object) -> object:
    """Read counts as JSON has them; other values are left to the checks of a mapping."""
    if isinstance(value, list | tuple) and all(isinstance(pair, list | tuple) for pair in value):
        counts = {
            pair[0]: pair[1] for pair in value if len(pair) == 2 and isinstance(pair[0], int | float | str)
        }
        return counts if len(counts) == len(value) else value
    return value


def _as_pairs(counts: dict[int | float | str, int]) -> Any:
    """Write counts of numbers as [value, count], for the keys of JSON are text."""
    return counts if all(isinstance(value, str) for value in counts) else [*map(list, counts.items())]


def _level(value: object) -> bool | int | float | str:
    if isinstance(value, bool | int | float | str) and value != "":
        return value
    raise PydanticCustomError("level", "expected a level: a number, true, false or text")


def _levels(value: object) -> tuple[bool | int | float | str, ...]:
    found = tuple(map(_level, value)) if isinstance(value, list | tuple) else ()
    if len(found) < 2 or len({(type(level) is bool, level) for level in found}) < len(found):
        raise PydanticCustomError("levels", "expected a list of two or more different levels")
    return found


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise PydanticCustomError("path", "expected the path of a data file")


_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


def _bytes(value: object) -> int:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kMGT]?B)?", str(value).strip())
    if isinstance(value, bool) or found is None or not float(found[1]) > 0:
        raise PydanticCustomError("bytes", "expected a size such as 500 MB or 2 GB")
    return int(float(found[1]) * _UNITS[found[2] or ""])


def _path_shorthand(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


type Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
type Text = Annotated[StrictStr, Field(min_length=1)]
type PriorField = Annotated[
    PriorSpec | float | Matrix,
    PlainValidator(_prior, json_schema_input_type=str | float | list[list[float]]),
    PlainSerializer(_prior_text, return_type=str | float | Matrix),
]
type FormulaField = Annotated[
    str | dict[str, str],
    PlainValidator(_formula, json_schema_input_type=Text | Annotated[dict[str, Text], Field(min_length=1)]),
]
type LinkName = Annotated[str, Field(json_schema_extra={"enum": [*_FORMULA_LINKS]})]
type LinkField = Annotated[
    str | dict[str, str],
    PlainValidator(
        _link, json_schema_input_type=LinkName | Annotated[dict[str, LinkName], Field(min_length=1)]
    ),
]
type CenteredField = Annotated[
    bool | tuple[str, ...],
    PlainValidator(_centered, json_schema_input_type=bool | Annotated[list[Text], Field(min_length=1)]),
    PlainSerializer(lambda value: value if isinstance(value, bool) else list(value)),
]
type BodyField = Annotated[
    dict[str, Body],
    PlainValidator(_body, json_schema_input_type=Body | Annotated[dict[str, Body], Field(min_length=1)]),
    PlainSerializer(write_body, return_type=dict[str, Any]),
]
type ResponseField = Annotated[
    str | tuple[str, ...],
    PlainValidator(_response, json_schema_input_type=Text | Annotated[list[Text], Field(min_length=2)]),
    PlainSerializer(_columns, return_type=str | list[str]),
]
type HypothesisField = Annotated[
    HypothesisSpec,
    PlainValidator(_hypothesis, json_schema_input_type=str | dict[str, dict[str, str | float]]),
    PlainSerializer(as_written, return_type=str | dict[str, dict[str, float]]),
]
type Probability = Annotated[float, PlainValidator(_probability, json_schema_input_type=str | float)]
type Column = Annotated[
    tuple[Annotated[Cell, PlainValidator(_cell, json_schema_input_type=Cell)], ...], Field(strict=False)
]
type LevelField = Annotated[
    int | float | str | bool, PlainValidator(_level, json_schema_input_type=int | float | str | bool)
]
type LevelsField = Annotated[
    tuple[int | float | str | bool, ...],
    PlainValidator(
        _levels, json_schema_input_type=Annotated[list[int | float | str | bool], Field(min_length=2)]
    ),
    PlainSerializer(list),
]
type Counts = Annotated[
    dict[
        Annotated[int | float | str, PlainValidator(_counted, json_schema_input_type=str)],
        Annotated[int, Field(ge=0)],
    ],
    Field(min_length=1),
    BeforeValidator(_from_pairs),
    PlainSerializer(_as_pairs, when_used="json"),
]
type PathField = Annotated[
    Path,
    PlainValidator(_path, json_schema_input_type=str),
    PlainSerializer(lambda path: path_text(path.as_posix()), return_type=str),
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class DataConfig(_Section):
    """Where the data are: exactly one of `path`, `columns`, `counts` and `sql`."""

    path: PathField | None = Field(
        default=None, description="A .csv, .parquet or .feather file; relative to the configuration's folder."
    )
    columns: Annotated[dict[Text, Column], Field(min_length=1)] | None = Field(
        default=None, description="Inline data: the list of values of each column."
    )
    counts: Annotated[dict[Text, Counts], Field(min_length=1, max_length=1)] | None = Field(
        default=None, description="Inline counts: one column, and how often each of its values occurs."
    )
    sql: Text | None = Field(default=None, description="A query; its columns are the data. Needs `url_env`.")
    url_env: Text | None = Field(
        default=None, description="The environment variable that holds the database's SQLAlchemy URL."
    )
    missing: Literal["refuse", "drop"] = Field(
        default="refuse", description="What to do with rows in which a value is missing."
    )
    memory: Annotated[int, PlainValidator(_bytes, json_schema_input_type=int | str)] | None = Field(
        default=None,
        description="The memory that rows may take before a file is read in batches, such as `1 GB`; "
        "1 GB, or half of what is free, if left out.",
    )


class ModelConfig(_Section):
    """The model: a likelihood for the response, a formula or none, and priors."""

    use: Name | None = Field(
        default=None,
        exclude=True,  # its keys are filled in
        description="Start from this model file; keys here override its keys.",
    )
    likelihood: Annotated[StrictStr, BeforeValidator(_likelihood)] | None = Field(
        default=None,
        description="PyMC's name of the distribution of the response.",
        json_schema_extra={"enum": [*LIKELIHOODS]},
    )
    formula: FormulaField | None = Field(
        default=None,
        description="The response and its predictors, such as `kid_score ~ mom_hs + mom_iq`; "
        "or one formula for each parameter: `{mu: y ~ x, sigma: ~ x}`.",
    )
    response: ResponseField | None = Field(
        default=None,
        description="The response column of a model without predictors, in place of `formula`; "
        "a list of columns for Multinomial and MvNormal.",
    )
    trials: Text | None = Field(default=None, description="The column with the number of trials (Binomial).")
    offset: Text | None = Field(
        default=None,
        description="The column that is added to the linear predictor, without a coefficient; "
        "as `offset()` in the formula.",
    )
    weights: Text | None = Field(
        default=None,
        description="The column that says how often each row counts: non-negative numbers.",
    )
    link: LinkField | None = Field(
        default=None,
        description="The link of the location parameter, or of each parameter with a formula: "
        "`{mu: identity, sigma: log}`; the canonical one if left out.",
    )
    standardize: bool = Field(
        default=False, description="Centre numeric predictors and divide them by their standard deviations."
    )
    body: BodyField | None = Field(
        default=None,
        description="A neural network of the formula's columns in place of their weighted sum: "
        "`{mlp: {hidden: [16], activation: tanh}}`; or one for each parameter: `{mu: {mlp: ...}}`.",
    )
    priors: dict[Text, PriorField] = Field(
        default_factory=dict,
        description="The prior of each parameter, such as `Normal(0, 10)`; a number, or a matrix, fixes it.",
    )
    centered: CenteredField | None = Field(
        default=None,
        description="Whether samplers move the effects of groups themselves rather than effects / sd: "
        "true, or a list of grouping factors.",
    )
    hypotheses: Annotated[dict[Text, HypothesisField], Field(min_length=2)] | None = Field(
        default=None,
        description="In place of `likelihood`: named distributions of the response, one of which is true.",
    )
    prior: dict[Text, Probability] | None = Field(
        default=None, description="The prior probability of each hypothesis; equal ones if left out."
    )
    levels: LevelsField | None = Field(
        default=None,
        description="The levels of the response in their order, for OrderedLogistic, OrderedProbit and a "
        "Categorical with a formula; the sorted ones of the data if left out.",
    )
    reference: LevelField | None = Field(
        default=None,
        description="The class of a Categorical with a formula whose coefficients are 0, the first if left "
        "out; `false`: none, so that every class has coefficients.",
    )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of `response`; none for a `formula`."""
        return (self.response,) if isinstance(self.response, str) else self.response or ()

    @property
    def formulas(self) -> dict[str, str]:
        """The formula of each parameter that has one; of the location alone it has the name ""."""
        return {"": self.formula} if isinstance(self.formula, str) else self.formula or {}

    @property
    def links(self) -> dict[str, str]:
        """The links by parameter; one given for the location alone has the name ""."""
        return {"": self.link} if isinstance(self.link, str) else self.link or {}


class Recipe(BaseModel):
    """One inference method to run: its name in this run, the method, and the method's settings."""

    model_config = ConfigDict(frozen=True)

    name: str
    method: str
    settings: SerializeAsAny[BaseModel]

    @model_serializer(mode="wrap")
    def _as_written(self, serialize: Any) -> dict[str, Any]:
        fields = serialize(self)
        return {self.name: {"method": self.method, **fields["settings"]}}


class RunConfig(_Section):
    """A whole run: data, model and inference. Made by `bayescope.config.load`."""

    name: Name = Field(description="The run's name: letters, digits, '_' and '-', at most 64.")
    title: Text | None = Field(default=None, description="The report's title; the name if left out.")
    data: Annotated[DataConfig, BeforeValidator(_path_shorthand)] | None = Field(
        default=None, description="The data: a file's path, or a mapping that says where they are."
    )
    model: ModelConfig = Field(description="The model.")
    inference: tuple[Recipe, ...] = Field(description="The inference recipes to run.")
    seed: int = Field(default=0, ge=0, description="The seed of all random numbers of the run.")
    compile: Literal["auto", "plain"] = Field(
        default="auto",
        description="Whether methods may be asked a shorter question of the same answer: `auto`; "
        "`plain`: every row, the graph as declared.",
    )


type Schema = type[BaseModel]
SECTIONS: Mapping[tuple[str, ...], Schema] = {(): RunConfig, ("data",): DataConfig, ("model",): ModelConfig}
