"""JSON Schema of the YAML files, for editors: completion, hover texts, and errors while typing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

from pydantic import BaseModel

from bayescope import library
from bayescope.config.nodes import read_document
from bayescope.config.schema import NAME_PATTERN, DataConfig, ModelConfig, RunConfig

type Methods = Mapping[str, type[BaseModel]]
type Kind = Literal["run", "model", "recipe"]
type Schema = dict[str, Any]

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NAME: Schema = {"type": "string", "pattern": NAME_PATTERN}


def json_schema(methods: Methods, kind: Kind = "run") -> Schema:
    """Return the JSON Schema (2020-12) of a configuration, a model file or a recipe file.

    Args:
        methods: the model of the settings of each method, by the method's name.
        kind: "run" for configs/*.yaml, "model" for models/*.yaml, "recipe" for inference/*.yaml.
    """
    match kind:
        case "run":
            schema = _run(methods)
        case "model":
            schema = _section(ModelConfig) | {"title": "bayescope model", "required": []}
        case "recipe":
            schema = {"title": "bayescope inference recipe", "oneOf": _recipe_files(methods)}
    definitions: Schema = {}
    whole = _without_definitions(schema, definitions)
    return {"$schema": _DIALECT, **whole, "$defs": definitions}


def _without_definitions(node: Any, found: Schema) -> Any:
    """Return the schema with every nested `$defs` moved into `found`, where references look."""
    if isinstance(node, list):
        return [_without_definitions(item, found) for item in node]
    if not isinstance(node, dict):
        return node
    for name, definition in node.get("$defs", {}).items():
        found[name] = _without_definitions(definition, found)
    return {key: _without_definitions(value, found) for key, value in node.items() if key != "$defs"}


def _section(model: type[BaseModel]) -> Schema:
    """Return pydantic's schema of a section, without the null that only means "left out"."""
    schema = model.model_json_schema(mode="validation")
    for field in schema.get("properties", {}).values():
        choices = [choice for choice in field.get("anyOf", ()) if choice != {"type": "null"}]
        if len(choices) == 1:
            field.update(field.pop("anyOf") and choices[0])
        elif choices:
            field["anyOf"] = choices
        if field.get("default", ...) is None:
            del field["default"]
    return schema


def _run(methods: Methods) -> Schema:
    # Recipe's settings are known only from the registry, so `inference` is written here
    properties: dict[str, Schema] = {
        name: {"description": field.description or ""} for name, field in RunConfig.model_fields.items()
    }
    properties["name"] |= _NAME
    properties["title"] |= {"type": "string", "minLength": 1}
    properties["seed"] |= {"type": "integer", "minimum": 0, "default": 0}
    modes = get_args(RunConfig.model_fields["compile"].annotation)
    properties["compile"] |= {"enum": [*modes], "default": RunConfig.model_fields["compile"].default}
    properties["data"] |= {"anyOf": [{"type": "string", "minLength": 1}, {"$ref": "#/$defs/data"}]}
    properties["model"] |= {"$ref": "#/$defs/model"}
    entry = {"anyOf": [_recipe_name(), _recipe_entry(methods)]}
    properties["inference"] |= {"anyOf": [_recipe_name(), {"type": "array", "minItems": 1, "items": entry}]}
    model = _section(ModelConfig) | {"required": []}
    return {
        "title": "bayescope run",
        "type": "object",
        "properties": properties,
        "required": ["name", "data", "model", "inference"],
        "additionalProperties": False,
        "$defs": {"data": _section(DataConfig), "model": model},
    }


def _recipe_name() -> Schema:
    return {"anyOf": [{"enum": sorted(library.recipes())}, _NAME]}


def _recipe_entry(methods: Methods) -> Schema:
    """Return the schema of `{nuts: {draws: 2000}}`: a shipped recipe with its settings, or any other."""
    shipped = {}
    for name, path in library.recipes().items():
        method = read_document(path).data["method"]
        if method in methods:
            shipped[name] = {"anyOf": [{"type": "null"}, _settings(methods[method], {"const": method})]}
    return {
        "type": "object",
        "properties": shipped,
        "patternProperties": {NAME_PATTERN: {"type": ["object", "null"]}},
        "additionalProperties": False,
        "minProperties": 1,
        "maxProperties": 1,
    }


def _settings(settings: type[BaseModel], method: Schema) -> Schema:
    schema = _section(settings)
    schema["properties"] = {"method": method, **schema.get("properties", {})}
    return schema


def _recipe_files(methods: Methods) -> list[Schema]:
    return [_required_method(_settings(model, {"const": name})) for name, model in methods.items()]


def _required_method(schema: Schema) -> Schema:
    return schema | {"required": ["method", *schema.get("required", ())]}
