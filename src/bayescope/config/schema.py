"""The configuration as frozen pydantic models: what each key is called, may hold, and means.

The loader fills in what the user left to others (`use:`, recipes) before these models see it, so
a `RunConfig` is complete: `model_dump(mode="json")` of one is itself a configuration.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

from bayescope.config.priors import PriorSpec, parse_prior
from bayescope.config.suggest import suggest
from bayescope.distributions.likelihoods import LIKELIHOODS
from bayescope.distributions.links import LINKS
from bayescope.errors import ConfigError

NAME_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_-]{0,63}$"

_FORMULA_LINKS = tuple(name for name, link in LINKS.items() if not link.positive)

type Cell = bool | int | float | str | None


def _one_of(kind: str, names: Iterable[str]) -> BeforeValidator:
    """Refuse a text that is not one of `names`, with a did-you-mean."""

    def check(value: object) -> object:
        if isinstance(value, str) and value not in names:
            message = f"unknown {kind} '{value[:40]}'{suggest(value, names, 'known')}"
            raise PydanticCustomError("unknown_name", "{message}", {"message": message})
        return value

    return BeforeValidator(check)


def _prior(value: object) -> PriorSpec | float:
    if isinstance(value, PriorSpec):
        return value
    try:
        return parse_prior(value)
    except ConfigError as error:
        messages = [problem.message for problem in error.problems]
        raise PydanticCustomError("prior", "{messages}", {"messages": messages}) from None


def _prior_text(value: PriorSpec | float) -> str | float:
    return str(value) if isinstance(value, PriorSpec) else value


def _cell(value: object) -> Cell:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise PydanticCustomError("cell", "expected a number, true, false, text or null")


def _counted(value: object) -> int | float | str:
    if isinstance(value, int | float | str) and not isinstance(value, bool):
        return value
    raise PydanticCustomError("counted", "expected a number or text")


def _path(value: object) -> Path:
    if isinstance(value, Path):
        return value
    if isinstance(value, str) and value and "\0" not in value:
        return Path(value)
    raise PydanticCustomError("path", "expected the path of a data file")


def _path_shorthand(value: object) -> object:
    return {"path": value} if isinstance(value, str) else value


type Name = Annotated[StrictStr, Field(pattern=NAME_PATTERN)]
type Text = Annotated[StrictStr, Field(min_length=1)]
type PriorField = Annotated[
    PriorSpec | float,
    PlainValidator(_prior, json_schema_input_type=str | float),
    PlainSerializer(_prior_text, return_type=str | float),
]
type Column = Annotated[
    tuple[Annotated[Cell, PlainValidator(_cell, json_schema_input_type=Cell)], ...], Field(strict=False)
]
type Counts = Annotated[
    dict[
        Annotated[int | float | str, PlainValidator(_counted, json_schema_input_type=str)],
        Annotated[int, Field(ge=0)],
    ],
    Field(min_length=1),
]
type PathField = Annotated[
    Path, PlainValidator(_path, json_schema_input_type=str), PlainSerializer(Path.as_posix, return_type=str)
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


class ModelConfig(_Section):
    """The model: a likelihood for the response, a formula or none, and priors."""

    use: Name | None = Field(
        default=None, description="Start from this model file; keys here override its keys."
    )
    likelihood: Annotated[StrictStr, _one_of("likelihood", LIKELIHOODS)] = Field(
        description="PyMC's name of the distribution of the response.",
        json_schema_extra={"enum": [*LIKELIHOODS]},
    )
    formula: Text | None = Field(
        default=None, description="The response and its predictors, such as `kid_score ~ mom_hs + mom_iq`."
    )
    response: Text | None = Field(
        default=None, description="The response column of a model without predictors, in place of `formula`."
    )
    trials: Text | None = Field(default=None, description="The column with the number of trials (Binomial).")
    link: Annotated[StrictStr, _one_of("link", _FORMULA_LINKS)] | None = Field(
        default=None,
        description="The link of the location parameter; the likelihood's canonical link if left out.",
        json_schema_extra={"enum": [*_FORMULA_LINKS]},
    )
    standardize: bool = Field(
        default=False, description="Centre numeric predictors and divide them by their standard deviations."
    )
    priors: dict[Text, PriorField] = Field(
        default_factory=dict,
        description="The prior of each parameter, such as `Normal(0, 10)`; a number fixes the parameter.",
    )


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


type Schema = type[BaseModel]
SECTIONS: Mapping[tuple[str, ...], Schema] = {(): RunConfig, ("data",): DataConfig, ("model",): ModelConfig}
