"""What the requirements of the standard have: cases of both kinds, or a reason why not.

A new requirement without a case of each kind fails here, and so does a reason that is outdated.
"""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from test_vectors import schema

from hyperglyph.conformance import coverage
from hyperglyph.conformance.cases import load, load_scenarios
from hyperglyph.conformance.testees.wrong import FAULTS

DOCUMENT: Any = json.loads(
    files("hyperglyph.spec").joinpath("coverage.json").read_text(encoding="utf-8")
)
CASES = {case.name: case for case in (*load(), *load_scenarios())}
ROWS = coverage.covered(CASES.values())
DETECTED: dict[str, Any] = DOCUMENT["detected"]


def test_the_file_fits_its_schema() -> None:
    registry: Registry[Any] = Registry()
    for name in ("vectors.json", "coverage.json"):
        document: Any = schema(name)
        registry = registry.with_resource(document["$id"], Resource.from_contents(document))
    Draft202012Validator.check_schema(schema("coverage.json"))
    validator: Any = Draft202012Validator(schema("coverage.json"), registry=registry)
    assert [error.message for error in validator.iter_errors(DOCUMENT)] == []
    misspelt: list[Any] = [
        {"detected": {}, "lacking": {}},
        {**DOCUMENT, "detected": {"REQ-INT-1": {"wrong": "reads no digits", "by": []}}},
        {**DOCUMENT, "lacking": {"REQ-INT-1": {"lacks": ["rejecting"], "reason": ""}}},
        {**DOCUMENT, "lacking": {"REQ-INT-1": {"lacks": ["both"], "reason": "no such thing"}}},
    ]
    for wrong in misspelt:
        assert not validator.is_valid(wrong)


def test_every_requirement_has_a_case_of_each_kind_or_a_reason() -> None:
    assert len(ROWS) > 250
    assert [f"{row.requirement}: {row.lacks}" for row in ROWS if row.lacks] == []


def test_nothing_is_excused_that_is_there() -> None:
    known = set(coverage.requirements())
    assert set(DOCUMENT["lacking"]) <= known
    assert set(DETECTED) <= known
    outdated = [row.requirement for row in ROWS if not set(row.excused) <= set(row.missing)]
    assert outdated == []


@pytest.mark.parametrize("requirement", DETECTED)
def test_what_detects_a_violation_is_about_the_requirement(requirement: str) -> None:
    for name in DETECTED[requirement]["by"]:
        assert requirement in CASES[name].requirements, name


@pytest.mark.parametrize("requirement", DETECTED)
def test_what_is_detected_is_planted(requirement: str) -> None:
    """By test_conformance_wrong.py, which has one of the cases fail for it."""
    assert any(fault.requirement == requirement for fault in FAULTS.values())
