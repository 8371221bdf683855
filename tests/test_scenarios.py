"""The scenarios of spec/http as data: their schema, their names, and the requirements they cite."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from test_spec import STANDARD
from test_vectors import schema

from hyperglyph.conformance.cases import ROLES, load, load_scenarios, read_documents

DOCUMENTS = dict(read_documents("http"))
CASES = load_scenarios()


def validator(definition: str = "") -> Any:
    """Of the schema, or of one of its definitions."""
    registry: Registry[Any] = Registry()
    for name in ("vectors.json", "scenarios.json"):
        document: Any = schema(name)
        registry = registry.with_resource(document["$id"], Resource.from_contents(document))
    return Draft202012Validator(
        {"$ref": f"urn:hyperglyph:1.0:scenarios{definition}"}, registry=registry
    )


@pytest.mark.parametrize("name", DOCUMENTS)
def test_file_fits_its_schema(name: str) -> None:
    found = [
        f"{error.json_path}: {error.message[:200]}"
        for error in validator().iter_errors(DOCUMENTS[name])
    ]
    assert not found, "\n".join(found[:5])
    assert name == f"{DOCUMENTS[name]['topic']}.json"


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema("scenarios.json"))


@pytest.mark.parametrize(
    ("definition", "source"),
    [
        ("server", {"name": "x", "requirements": ["REQ-URL-1"], "steps": []}),
        ("server", {"name": "x", "requirements": [], "steps": [{"request": {"target": "/"}}]}),
        ("server-step", {"request": {"target": "/"}, "repsonse": {"status": 200}}),
        ("server-step", {"request": {}}),
        ("sent", {"target": "x"}),
        ("sent", {"target": "/", "raw": "GET", "method": "GET"}),
        ("sent", {"target": "/", "headers": {"a b": "c"}}),
        ("sent", {"target": "/", "body": {"arguments": {"a": {"type": "any"}}}}),
        ("answered", {}),
        ("answered", {"status": 42}),
        ("answered", {"headers": {"ETag": {"present": True}}}),
        ("answered", {"headers": {"etag": {"present": True, "matches": "x"}}}),
        ("answered", {"value": {"type": "integer", "value": 1}}),
        ("pattern", {"type": "absent"}),
        ("pattern", {"type": "resource", "has": {}, "with": {}}),
        ("pattern", {"type": "extension", "name": "form"}),
        ("client-step", {"op": "get"}),
        ("client-step", {"op": "call", "url": "x"}),
        ("exchange", {"response": {"raw": "x", "status": 200}}),
        ("result", {"error": "wrong"}),
        ("result", {"value": {"type": "nil"}, "error": "status"}),
        ("octets", "\u00e9"),
        ("octets", {"value": {"type": "any"}}),
    ],
)
def test_what_is_misspelt_does_not_fit(definition: str, source: Any) -> None:
    assert list(validator(f"#/$defs/{definition}").iter_errors(source))


def test_names_are_unique_and_begin_with_their_topic() -> None:
    names = Counter(case.name for case in (*CASES, *load()))
    assert not [name for name, count in names.items() if count > 1]
    assert not [case.name for case in CASES if not case.name.startswith(f"{case.topic}-")]


def test_requirements_are_of_the_standard() -> None:
    known = set(re.findall(r"\bREQ-[A-Z]+-[0-9]+\b", STANDARD))
    cited = {requirement for case in CASES for requirement in case.requirements}
    assert not sorted(cited - known)


def test_there_are_scenarios_of_every_level_and_enough_of_them() -> None:
    servers = [case for case in CASES if case.kind == "server"]
    assert len(servers) > 300
    assert {case.level for case in servers} == {"must", "should", "may"}
    assert all(case.kind in ROLES for case in CASES)
    topics = Counter(case.topic for case in servers)
    assert min(topics.values()) >= 10
    assert not [case.name for case in servers if len(json.dumps(case.source)) > 20_000]
