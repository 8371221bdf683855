"""The mutants of the codec that `mutation.py` runs: made by Cosmic Ray's operators, less those that
no vector could notice, and those that `mutation-equivalent.txt` lists."""

import ast
import difflib
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.operators.provider import OperatorProvider

ROOT = Path(__file__).resolve().parent.parent
CODEC = ROOT / "codec"
# Not on the way between bytes and values: the readable view, and classes whose behaviour vectors
# do not speak of.
_FILES_LEFT_OUT = {
    "__init__.py",
    "__main__.py",
    "blob.py",
    "errors.py",
    "hypermedia.py",
    "limits.py",
    "readable.py",
    "types.py",
}
FILES = tuple(sorted({path.name for path in CODEC.glob("*.py")} - _FILES_LEFT_OUT))
EQUIVALENT = Path(__file__).with_name("mutation-equivalent.txt")

_OPERATORS_LEFT_OUT = {
    "VariableReplacer",  # these two need names of variables as arguments
    "VariableInserter",
    "ReplaceComparisonOperator_Eq_Is",
    "ReplaceComparisonOperator_NotEq_IsNot",
}
# Functions that make texts for people, by the beginning of their names without underscores.
_TEXT_FUNCTIONS = ("repr__", "str__", "show", "describe", "path", "step", "repeated")


@attrs.frozen
class Mutant:
    """One change: the `occurrence`-th place in the file where the operator applies."""

    file: str
    function: str
    operator: str
    occurrence: int
    line: int


@attrs.frozen
class Key:
    """What identifies a mutant across edits elsewhere in the file."""

    file: str
    function: str
    operator: str
    before: str
    after: str

    def block(self, reason: str = "") -> str:
        lines = [f"{self.file}:{self.function} {self.operator}", f"- {self.before}"]
        return "\n".join([*lines, f"+ {self.after}", f"= {reason}".rstrip()])


# --- Making them -----------------------------------------------------------------------------


class _Regions(ast.NodeVisitor):
    """Where mutants do not count, and which function every line belongs to."""

    def __init__(self, source: str) -> None:
        self.left_out: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self.functions: list[tuple[int, int, str]] = []
        self._names: list[str] = []
        self.visit(ast.parse(source))

    def contains(self, position: tuple[int, int]) -> bool:
        return any(start <= position < end for start, end in self.left_out)

    def function(self, line: int) -> str:
        inside = [(first, name) for first, last, name in self.functions if first <= line <= last]
        return max(inside)[1] if inside else "<module>"

    def _leave_out(self, node: ast.expr | ast.stmt | ast.arg) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        # ast counts columns in UTF-8 octets, parso in characters: the sources are ASCII.
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        self.left_out.append((start, end))

    def _visit_function(self, node: ast.FunctionDef) -> None:
        self._names.append(node.name)
        assert node.end_lineno is not None
        self.functions.append((node.lineno, node.end_lineno, ".".join(self._names)))
        if node.name.lstrip("_").startswith(_TEXT_FUNCTIONS):
            self._leave_out(node)
        if node.returns is not None:
            self._leave_out(node.returns)
        self.generic_visit(node)
        self._names.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        self.generic_visit(node)
        self._names.pop()

    def visit_arg(self, node: ast.arg) -> None:
        if node.annotation is not None:
            self._leave_out(node.annotation)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._leave_out(node.annotation)
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        # An alias such as `Buffer = bytes | bytearray`: read by type checkers only.
        if not self._names and isinstance(node.value, ast.BinOp | ast.Subscript):
            operands = [part for part in ast.walk(node.value) if isinstance(part, ast.Constant)]
            if not operands:
                self._leave_out(node.value)
        self.generic_visit(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        for part in ast.walk(node):
            if isinstance(part, ast.JoinedStr):
                self._leave_out(part)
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        if isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            self._leave_out(node)
        self.generic_visit(node)


@functools.cache
def _parsed(file: str) -> tuple[str, Any, str]:
    """The source of a file, its tree for Cosmic Ray, and what the compiler sees of it.

    Read by the parent and inherited by its children, each of which may change its own copy once.
    """
    source = (CODEC / file).read_text("utf-8")
    return source, parso.parse(source), ast.dump(ast.parse(source))


def mutants(file: str) -> Iterator[Mutant]:
    """All mutants of one file that count, invalid ones included."""
    source, parsed, _ = _parsed(file)
    regions = _Regions(source)
    tree = list(ast_nodes(parsed))
    provider = OperatorProvider()
    for name in provider:
        if name in _OPERATORS_LEFT_OUT:
            continue
        operator = provider[name]()
        places = ((start, node) for node in tree for start, _ in operator.mutation_positions(node))
        for occurrence, (start, node) in enumerate(places):
            # The bare `*` and `/` of a parameter list are no operators.
            if not regions.contains(start) and node.parent.type not in ("parameters", "lambdef"):
                yield Mutant(file, regions.function(start[0]), name, occurrence, start[0])


def make(mutant: Mutant) -> tuple[str, Key] | None:
    """The mutated source and its key; None if it does not compile or is the same program."""
    source, tree, before = _parsed(mutant.file)
    visitor = MutationVisitor(mutant.occurrence, OperatorProvider()[mutant.operator]())
    mutated: str = visitor.walk(tree).get_code()
    try:
        parsed = ast.parse(mutated)
        compile(parsed, mutant.file, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    if ast.dump(parsed) == before:
        return None
    diff = list(difflib.unified_diff(source.splitlines(), mutated.splitlines(), n=0, lineterm=""))
    old = " ".join(line[1:].strip() for line in diff[3:] if line.startswith("-"))
    new = " ".join(line[1:].strip() for line in diff[3:] if line.startswith("+"))
    return mutated, Key(mutant.file, mutant.function, mutant.operator, old, new)


@attrs.frozen
class Entry:
    """What a block of `mutation-equivalent.txt` covers: a mutant, a line, or a whole function.

    `operator` is `*`, and `before` or `after` are None, where any will do.
    """

    file: str
    function: str
    operator: str
    before: str | None
    after: str | None

    def covers(self, key: Key) -> bool:
        return (
            self.file == key.file
            and f"{key.function}.".startswith(f"{self.function}.")
            and self.operator in ("*", key.operator)
            and self.before in (None, key.before)
            and self.after in (None, key.after)
        )

    def __str__(self) -> str:
        lines = [f"{self.file}:{self.function} {self.operator}"]
        lines += [f"- {self.before}"] if self.before is not None else []
        return "\n".join(lines + ([f"+ {self.after}"] if self.after is not None else []))


def read_listed() -> list[Entry]:
    """Raise ValueError for a block that is not understood or has no reason."""
    listed: list[Entry] = []
    text = EQUIVALENT.read_text("utf-8") if EQUIVALENT.exists() else ""
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if line and not line.startswith("#")]
        if not lines:
            continue
        where, _, operator = lines[0].partition(" ")
        file, _, function = where.partition(":")
        parts = {line[0]: line[2:] for line in lines[1:]}
        marks = "".join(parts)
        if marks not in (("=", "-=") if operator == "*" else ("-+=",)) or not parts["="].strip():
            raise ValueError(f"{EQUIVALENT.name}: not a head, '- ', '+ ' and '= ':\n{block}")
        listed.append(Entry(file, function, operator, parts.get("-"), parts.get("+")))
    return listed
