import json
import re

import pytest

from bayescope import library
from bayescope.config.jsonschema import json_schema
from bayescope.config.nodes import read_document
from bayescope.config.schema import RunConfig
from bayescope.inference.registry import SETTINGS

KINDS = {"run": library.configs, "model": library.models, "recipe": library.recipes}


def resolved(schema, root):
    while "$ref" in schema:
        assert schema["$ref"].startswith("#/$defs/")
        schema = {
            **root["$defs"][schema["$ref"].removeprefix("#/$defs/")],
            **{k: v for k, v in schema.items() if k != "$ref"},
        }
    return schema


TYPES = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
    "null": type(None),
}


def fits(value, schema, root):
    """Validate by the part of JSON Schema that the product uses."""
    schema = resolved(schema, root)
    kinds = schema.get("type", list(TYPES))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    typed = any(
        isinstance(value, TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))
        for kind in kinds
    )
    checks = [
        typed,
        "enum" not in schema or value in schema["enum"],
        "const" not in schema or value == schema["const"],
        "anyOf" not in schema or any(fits(value, choice, root) for choice in schema["anyOf"]),
        "oneOf" not in schema or sum(fits(value, choice, root) for choice in schema["oneOf"]) == 1,
    ]
    if isinstance(value, str):
        checks.append("pattern" not in schema or re.search(schema["pattern"], value) is not None)
        checks.append(len(value) >= schema.get("minLength", 0))
    if isinstance(value, int | float):
        checks.append(schema.get("minimum", value) <= value <= schema.get("maximum", value))
    if isinstance(value, list):
        checks += [fits(item, schema.get("items", {}), root) for item in value]
        checks.append(len(value) >= schema.get("minItems", 0))
    if isinstance(value, dict):
        checks += [name in value for name in schema.get("required", ())]
        checks.append(schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", len(value)))
        for name, item in value.items():
            extra = schema.get("additionalProperties", {})
            part = schema.get("properties", {}).get(name, extra)
            if part is False and any(re.search(p, str(name)) for p in schema.get("patternProperties", ())):
                part = {}
            checks.append(part is not False and fits(item, part, root))
    return all(checks)


@pytest.mark.parametrize("kind", KINDS)
def test_the_shipped_files_fit_their_schema(kind):
    schema = json_schema(SETTINGS, kind)
    for path in KINDS[kind]().values():
        assert fits(read_document(path).data, schema, schema), path


RUN = {"name": "a", "data": "a.csv", "model": {"use": "linear", "formula": "y ~ x"}, "inference": ["mle"]}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"data": {"counts": {"flip": {"1": 7, "0": 3}}}},
        {"data": {"columns": {"y": [1, 2.5, None, True, "a"]}}},
        {"data": {"path": "a.csv", "memory": "1 GB"}},
        {"data": {"path": "a.csv", "memory": 1_000_000_000}},
        {"inference": [{"nuts": {"draws": 5000}}, {"nuts": None}, {"own": {"anything": 1}}, "own"]},
        {"model": {"likelihood": "Normal", "response": "y", "priors": {"mu": 3, "sigma": "HalfNormal(1)"}}},
        {
            "model": {
                "centered": ["g"],
                "levels": ["a", "b"],
                "response": ["a", "b"],
                "formula": {"mu": "y ~ x"},
            }
        },
        {"model": {"link": {"mu": "log"}, "body": {"mlp": {"hidden": [1]}}}},
        {"compile": "plain"},
    ],
)
def test_what_the_loader_takes_the_schema_takes(change):
    schema = json_schema(SETTINGS)
    assert fits({**RUN, **change}, schema, schema)


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "b"}, {"name": "a b"}, {"compile": "fast"}, {"compile": None}, {"seed": "x"}, {"seed": True}, {"inference": []}, {"inference": 3},
        {"model": {"likelihood": "Gaussian"}}, {"model": {"link": "x"}}, {"model": {"priors": {"a": [1]}}},
        {"data": {"columns": {"y": 3}}}, {"data": {"missing": "x"}}, {"data": {"columns": {}}}, {"data": {"counts": {}}},
        {"model": {"levels": ["a"]}}, {"model": {"response": ["a"]}}, {"model": {"formula": ""}}, {"model": {"formula": {}}},
        {"model": {"link": {}}}, {"model": {"centered": []}}, {"model": {"body": {}}},
        {"inference": [{"nuts": {"draws": "many"}}]}, {"inference": [{"nuts": None, "map": None}]}, {"inference": [{}]},
    ],
)  # fmt: skip
def test_what_the_loader_refuses_the_schema_marks(change):
    schema = json_schema(SETTINGS)
    assert not fits({**RUN, **change}, schema, schema)


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_json_and_all_its_references_lead_somewhere(kind):
    text = json.dumps(json_schema(SETTINGS, kind))
    schema = json.loads(text)
    references = set(re.findall(r'"\$ref": "#/\$defs/([^"]+)"', text))
    assert references <= schema["$defs"].keys()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_every_key_is_described():
    schema = json_schema(SETTINGS)
    for section in (schema, schema["$defs"]["data"], schema["$defs"]["model"]):
        assert all(field["description"] for field in section["properties"].values())


def test_defaults_and_bounds_of_the_schema_are_those_of_the_loader():
    seed = json_schema(SETTINGS)["properties"]["seed"]
    assert seed["default"] == RunConfig.model_fields["seed"].default
    schema = json_schema(SETTINGS)
    assert fits({**RUN, "seed": 0}, schema, schema)
    assert not fits({**RUN, "seed": -1}, schema, schema)


def test_no_null_stands_for_a_key_that_is_left_out():
    schema = json_schema(SETTINGS)
    for section in (schema["$defs"]["data"], schema["$defs"]["model"]):
        for field in section["properties"].values():
            assert {"type": "null"} not in field.get("anyOf", [])
            assert field.get("default", 0) is not None
