"""The standard against itself, its grammar, its vectors and the codec.

The text is the source: productions quoted in it are those of grammar.abnf, its examples run, and
each of its requirements is covered by vectors. What vectors do to the codec is tested elsewhere.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

import pytest
from abnf import ParseError, Rule

from hyperglyph.codec import DecodeError, LimitExceeded, Truncated, decode, encode
from hyperglyph.conformance import typed

Json: TypeAlias = Mapping[str, Any]

SPEC = Path(__file__).parent.parent / "spec"
STANDARD = (SPEC / "hyperglyph-1.0.md").read_text(encoding="utf-8")
GRAMMAR = (SPEC / "grammar.abnf").read_text(encoding="utf-8")
START = "message"
#: What grammar.abnf takes from RFC 5234, appendix B.1.
CORE = {"CR", "DIGIT", "HEXDIG", "HTAB", "LF", "OCTET", "SP"}

#: The grammar parser tries every way to divide counted octets, so long messages take too long.
SMALL = 120
#: Where the grammar alone tells right from wrong, since no octets are counted.
DECISIVE = {"integer", "float", "datetime", "timedelta", "singleton"}
#: What the grammar cannot say: calendar and ranges, and that keys and items differ.
BEYOND_GRAMMAR = {
    *("REQ-DTM-2", "REQ-FLT-4", "REQ-DUR-2", "REQ-DUR-4"),
    *("REQ-DCT-2", "REQ-SET-1", "REQ-KEY-2", "REQ-KEY-3"),
}


class Grammar(Rule):
    """The rules of grammar.abnf; the library keeps them by class."""


Grammar.load_grammar(GRAMMAR)


def matches(wire: bytes) -> bool:
    """Whether the grammar, lengths aside, has `wire` for a message."""
    try:
        Grammar(START).parse_all(wire.decode("latin-1"))
    except ParseError:
        return False
    return True


def blocks(info: str) -> list[str]:
    """The fenced blocks of the standard that are marked `info`."""
    return re.findall(rf"^```{info}\n(.*?)^```$", STANDARD, re.MULTILINE | re.DOTALL)


def rules(source: str) -> dict[str, str]:
    """The definitions in ABNF text by name, in one line each, without comments."""
    lines = [re.sub(r'^((?:[^";]|"[^"]*")*);.*', r"\1", line) for line in source.splitlines()]
    definitions: dict[str, str] = {}
    for text in re.split(r"\n(?=\S)", "\n".join(lines)):
        if text.strip():
            name, definition = text.split("=", 1)
            assert name.strip() not in definitions, f"{name.strip()} is defined twice"
            definitions[name.strip()] = " ".join(definition.split())
    return definitions


def used(definition: str) -> set[str]:
    """The names of rules in a definition."""
    bare = re.sub(r'%s"[^"]*"|"[^"]*"|%x[0-9A-F-]+', " ", definition)
    return set(re.findall(r"[A-Za-z][A-Za-z0-9-]*", bare))


def load_vectors() -> list[tuple[str, Json]]:
    """All vectors, each with the topic of its file."""
    found: list[tuple[str, Json]] = []
    for path in sorted((SPEC / "vectors").glob("*.json")):
        file: Json = json.loads(path.read_text(encoding="utf-8"))
        found += [(cast("str", file["topic"]), vector) for vector in file["vectors"]]
    return found


def load_examples() -> list[Json]:
    return [json.loads(line) for block in blocks("example") for line in block.splitlines()]


VECTORS = load_vectors()
EXAMPLES = load_examples()
REQUIREMENT = r"REQ-[A-Z]+-[0-9]+"
PART_ONE = STANDARD.split("# Part II: ")[0]
REQUIREMENTS = re.findall(rf"^\*\*({REQUIREMENT})\.\*\* ", STANDARD, re.MULTILINE)
#: What vectors are about; scenarios are about the others.
OF_DATA = re.findall(rf"^\*\*({REQUIREMENT})\.\*\* ", PART_ONE, re.MULTILINE)
DIFFERENCES = re.findall(r"^\*\*(DIFF-[A-Z0-9-]+)\.\*\* ", STANDARD, re.MULTILINE)


# --- the text ---------------------------------------------------------------------------------


def test_requirements_are_unique_and_numbered_without_gaps() -> None:
    assert len(REQUIREMENTS) > 200
    assert [identity for identity, count in Counter(REQUIREMENTS).items() if count > 1] == []
    numbers: dict[str, list[int]] = {}
    for identity in REQUIREMENTS:
        group, number = identity.rsplit("-", 1)
        numbers.setdefault(group, []).append(int(number))
    for group, found in numbers.items():
        # They stand where they belong; a number that is given stays.
        assert sorted(found) == list(range(1, len(found) + 1)), group


def test_each_requirement_says_what_is_required() -> None:
    for paragraph in STANDARD.split("\n\n"):
        if paragraph.startswith("**REQ-"):
            words = r"\bMUST\b" if paragraph in PART_ONE else r"\b(?:MUST|SHOULD|MAY)\b"
            assert re.search(words, paragraph), paragraph
            if paragraph not in PART_ONE:
                # Who is bound, each time; in the chapter on 2012 "it" is one or the other.
                binds = r"\b(?:[Cc]lients?|[Ss]ervers?|[Ii]mplementation)\b|REQ-OLD-.*\bIts?\b"
                assert re.search(binds, paragraph), paragraph


def test_differences_are_unique_and_carry_a_reason_or_a_verdict() -> None:
    assert len(DIFFERENCES) > 100
    assert [identity for identity, count in Counter(DIFFERENCES).items() if count > 1] == []
    chapter = STANDARD.split("### 24.1. ")[1].split("### 24.2. ")[0]
    for entry in re.findall(r"^\*\*DIFF-.*?\n\n", chapter, re.MULTILINE | re.DOTALL):
        assert "Reason:" in entry, entry


def test_references_lead_somewhere() -> None:
    assert set(re.findall(REQUIREMENT, STANDARD + GRAMMAR)) <= set(REQUIREMENTS)
    assert set(re.findall(r"DIFF-[A-Z0-9]+(?:-[A-Z0-9]+)*", STANDARD)) <= set(DIFFERENCES)
    headings = set(re.findall(r"^#+ ([0-9]+(?:\.[0-9]+)*)\. ", STANDARD, re.MULTILINE))
    assert set(re.findall(r"section ([0-9]+(?:\.[0-9]+)*)", STANDARD)) <= headings


def test_citations_in_the_code_lead_somewhere() -> None:
    headings = set(re.findall(r"^#+ ([0-9]+(?:\.[0-9]+)*)\. ", STANDARD, re.MULTILINE))
    cited = 0
    for folder in ("codec", "transport", "client", "server", "conformance"):
        for path in sorted((SPEC.parent / folder).rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            assert set(re.findall(REQUIREMENT, text)) <= set(REQUIREMENTS), path
            for found in re.findall(
                r"[Ss]tandard, sections? ([0-9.]+[0-9](?: and [0-9.]+[0-9])?)", text
            ):
                cited += 1
                assert set(found.split(" and ")) <= headings, (path, found)
    assert cited > 30


def test_registration_has_every_field_of_rfc_6838() -> None:
    chapter = STANDARD.split("## 23. ")[1].split("## 24. ")[0]
    first, second = re.split(r"^The second one differs", chapter, flags=re.MULTILINE)
    fields = re.findall(r"^ *\* ([^:\n]+):", first, re.MULTILINE)
    assert fields == [
        "Type name", "Subtype name", "Required parameters", "Optional parameters",
        "Encoding considerations", "Security considerations", "Interoperability considerations",
        "Published specification", "Applications that use this media type",
        "Fragment identifier considerations", "Additional information",
        "Deprecated alias names for this type", "Magic number(s)", "File extension(s)",
        "Macintosh file type code(s)",
        "Person and email address to contact for further information", "Intended usage",
        "Restrictions on usage", "Author", "Change controller", "Provisional registration",
    ]  # fmt: skip
    assert set(re.findall(r"^\* ([^:\n]+):", second, re.MULTILINE)) <= set(fields)


def test_each_requirement_is_cited_by_the_code_that_keeps_it() -> None:
    paths = [
        path
        for folder in ("codec", "transport", "client", "server")
        for path in (SPEC.parent / folder).rglob("*.py")
    ]
    text = " ".join(" ".join(path.read_text(encoding="utf-8") for path in paths).split())
    cited = set(re.findall(REQUIREMENT, text))
    for group, first, last in re.findall(r"(REQ-[A-Z]+-)([0-9]+) to \1([0-9]+)", text):
        assert int(first) < int(last)
        cited.update(f"{group}{number}" for number in range(int(first), int(last)))
    assert cited == set(REQUIREMENTS)


# --- the grammar ------------------------------------------------------------------------------


def test_every_rule_is_defined_and_used() -> None:
    definitions = rules(GRAMMAR)
    names = set[str]().union(*(used(definition) for definition in definitions.values()))
    assert names - set(definitions) == CORE
    assert set(definitions) - names == {START}
    loaded = cast("list[Rule]", Grammar.rules())  # type: ignore[no-untyped-call]
    assert {rule.name for rule in loaded} == set(definitions)


def test_quoted_rules_are_those_of_the_grammar() -> None:
    assert rules("\n".join(blocks("abnf"))) == rules(GRAMMAR)


def test_grammar_tells_cases_where_it_should_and_not_where_it_should_not() -> None:
    assert matches(b"fINF;")
    assert matches(b"f0X1.AP-2;")
    assert matches(b"d2020-01-02T03:04:05z;")
    for wire in (b"I1;", b"Finf;", b"n;", b"d2020-01-02t03:04:05Z;", b"pp1d;", b"PP1D;"):
        assert not matches(wire), wire


def grammar_accepts() -> Iterator[Any]:
    for _, vector in VECTORS:
        if vector["expect"] == "accept" and "wire" in vector:
            wire = typed.wire(vector["wire"])
            if len(wire) <= SMALL:
                yield pytest.param(wire, id=vector["name"])


def grammar_rejects() -> Iterator[Any]:
    for topic, vector in VECTORS:
        if (
            topic in DECISIVE
            and vector["expect"] == "reject"
            and vector["fault"] in {"malformed", "truncated"}
            and not BEYOND_GRAMMAR & set(vector["requirements"])
        ):
            wire = typed.wire(vector["wire"])
            if len(wire) <= SMALL:
                yield pytest.param(wire, id=vector["name"])


@pytest.mark.parametrize("wire", list(grammar_accepts()))
def test_grammar_accepts_what_vectors_accept(wire: bytes) -> None:
    assert matches(wire)


@pytest.mark.parametrize("wire", list(grammar_rejects()))
def test_grammar_rejects_what_vectors_reject(wire: bytes) -> None:
    assert not matches(wire)


# --- the vectors ------------------------------------------------------------------------------


def test_vectors_cite_requirements_of_the_standard() -> None:
    assert VECTORS
    for _, vector in VECTORS:
        assert vector["requirements"], vector["name"]
        assert set(vector["requirements"]) <= set(REQUIREMENTS), vector["name"]


@pytest.mark.parametrize("identity", OF_DATA)
def test_requirement_has_an_accepting_and_a_rejecting_vector(identity: str) -> None:
    expects = {vector["expect"] for _, vector in VECTORS if identity in vector["requirements"]}
    assert {"accept", "reject"} <= expects


# --- the examples -----------------------------------------------------------------------------


def test_examples_are_many_and_differ() -> None:
    assert len(EXAMPLES) >= 60
    wires = Counter(typed.wire(example["wire"]) for example in EXAMPLES)
    assert [wire for wire, count in wires.items() if count > 1] == []
    members = {"wire", "value", "canonical", "fault", "at"}
    for example in EXAMPLES:
        assert set(example) <= members
        assert ("value" in example) != ("fault" in example and "at" in example), example


@pytest.mark.parametrize(
    "example", [pytest.param(e, id=json.dumps(e["wire"])) for e in EXAMPLES if "value" in e]
)
def test_example_decodes_and_has_its_canonical_form(example: Json) -> None:
    wire = typed.wire(example["wire"])
    value = decode(wire)
    assert typed.same(typed.to_json(value), example["value"])
    canonical = typed.wire(example.get("canonical", example["wire"]))
    assert encode(value, canonical=True) == canonical
    # An encoder has to come to the same octets from the value as the example writes it.
    assert encode(typed.from_json(example["value"]), canonical=True) == canonical
    if len(wire) <= SMALL:
        assert matches(wire)


@pytest.mark.parametrize(
    "example", [pytest.param(e, id=json.dumps(e["wire"])) for e in EXAMPLES if "fault" in e]
)
def test_example_is_rejected_where_it_says(example: Json) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(typed.wire(example["wire"]))
    error = caught.value
    fault = (
        "truncated"
        if isinstance(error, Truncated)
        else "limit"
        if isinstance(error, LimitExceeded)
        else "malformed"
    )
    assert (fault, error.offset) == (example["fault"], example["at"]), str(error)
