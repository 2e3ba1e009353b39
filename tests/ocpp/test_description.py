"""What we tell of a request's shape is what OCA's schema says of it, member by member."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest

from ampacity.ocpp.description import requests
from ampacity.ocpp.version import Role, Version, vocabulary

from .schemas import Case, cases

COMPARED = ("type", "format", "maxLength", "minItems", "maxItems", "minimum", "maximum")
DEEP = 12
"""Nothing of OCPP is nested deeper, but a type of 2.1 that contains itself."""


def resolved(root: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a reference of either draft stands for."""
    while "$ref" in schema:
        place: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            place = place[step]
        schema = place
    return schema


def shape(root: dict[str, Any], schema: dict[str, Any], depth: int = 0) -> Any:
    """A schema without names, notes and references: what remains decides what is valid."""
    schema = resolved(root, schema)
    if depth > DEEP:
        return "deeper"
    plain = {word: schema[word] for word in COMPARED if word in schema}
    if plain.get("format") == "uri":  # 1.6's two locations: any text passes, as stations take what they like
        del plain["format"]
    if "enum" in schema:
        plain["enum"] = sorted(schema["enum"])
    if "properties" in schema:
        plain["required"] = sorted(schema.get("required", ()))
        plain["closed"] = schema.get("additionalProperties") is False
        plain["members"] = {
            name: shape(root, member, depth + 1) for name, member in schema["properties"].items()
        }
    elif schema.get("type") == "object":
        plain |= {"required": [], "closed": schema.get("additionalProperties") is False, "members": {}}
    if "items" in schema:
        plain["items"] = shape(root, schema["items"], depth + 1)
    return plain


REQUESTS = [case for case in cases() if case.part == "call"]


@pytest.mark.parametrize("case", REQUESTS, ids=str)
def test_a_request_is_described_as_its_schema_says(case: Case) -> None:
    starters = vocabulary(case.version).started_by
    role = Role.CSMS if case.action in starters[Role.CSMS] else Role.STATION
    ours = requests(case.version, role)[case.action]
    jsonschema.Draft202012Validator.check_schema(ours)
    assert shape(ours, ours) == shape(case.schema, case.schema)


@pytest.mark.parametrize("version", tuple(Version))
def test_each_action_that_is_called_is_described(version: Version) -> None:
    for role in Role:
        called = vocabulary(version).started_by[role] & set(vocabulary(version).calls)
        assert set(requests(version, role)) == called
