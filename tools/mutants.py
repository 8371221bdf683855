"""The mutants of the codec that `mutation.py` runs, made by Cosmic Ray's operators.

All modules of `codec/` that decode or encode are mutated. Left out, by rule and before any
counting, is what is neither, or what no program could notice:

1. Modules: `__init__`, `__main__`, the readable view, paths of errors, the exceptions, which have
   no arithmetic but for their texts, the reader of many messages, since a vector is one, and the
   templates of a server's extensions, since a vector's are as any decoder makes them.
2. Functions that make texts for people and nothing else (`_TEXTS`), and f-strings inside `raise`.
3. What Python code sees of values and readers beside decoding and encoding (`_BESIDE`):
   constructors and checks for users, properties, a blob's file API, sizes told in advance.
4. Annotations, aliases of types, code under TYPE_CHECKING, and the bare `*` of parameter lists.
5. `is` in place of `==` and `is not` in place of `!=`: small integers, interned texts and single
   bytes are one object in CPython, so these test the interpreter.
6. What does not compile, or compiles to the same program.

Everything else counts, whether a vector reaches it or not.
"""

import ast
import difflib
import functools
from collections.abc import Iterator
from typing import Any

import attrs
import parso
from cosmic_ray.ast import ast_nodes
from cosmic_ray.mutating import MutationVisitor
from cosmic_ray.operators.provider import OperatorProvider
from equivalents import Key
from trial import CODEC

_MODULES_LEFT_OUT = {
    "__init__.py",
    "__main__.py",
    "errors.py",
    "paths.py",
    "readable.py",
    "sequence.py",
    "template.py",
}
FILES = tuple(sorted({path.name for path in CODEC.glob("*.py")} - _MODULES_LEFT_OUT))

# Functions and classes by their names. One that is not in its file is an error.
_TEXTS = {
    "encoder.py": ("_Encoder._path", "_repeated"),
    "keys.py": ("_describe",),
    "numbers.py": ("show",),
    "scanner.py": ("show_byte",),
}
_BESIDE = {
    "blob.py": (
        *("_Shared.size", "_Shared.release", "Blob.__init__", "Blob.expect_reader"),
        *("Blob.__del__", "Blob.content_type", "Blob.url", "Blob.size", "Blob.__repr__"),
        "Blob.fileno",
        *("Blob.readable", "Blob.read", "Blob.read1", "Blob.seek", "Blob.dup", "Blob.__copy__"),
        *("Blob.close", "Blob.discard", "_read_exactly"),
    ),
    # Decoding takes the classes by their names, from KINDS, and fills them by `from_wire`, which
    # is in types.py. The rest is for users.
    "hypermedia.py": (
        *("_Missing", "_build", "_text", "_flag", "_mapping", "_require"),
        *("Link", "Input", "Form", "Resource", "Error", "Collection"),
    ),
    "limits.py": ("_count", "_positive", "_depth", "Limits.server"),
    "pieces.py": ("Pieces.size", "_wire_size"),
    "reader.py": (
        *("Reader.has_root", "Reader.root", "Reader.blobs", "Reader.complete", "Reader.rest"),
    ),
    "types.py": ("_check_name", "_check_attributes", "_check_number"),
}
_OPERATORS_LEFT_OUT = {
    "VariableReplacer",  # these two need names of variables as arguments
    "VariableInserter",
    "ReplaceComparisonOperator_Eq_Is",
    "ReplaceComparisonOperator_NotEq_IsNot",
}


@attrs.frozen
class Mutant:
    """One change: the `occurrence`-th place in the file where the operator applies.

    `statement` are the lines of the smallest statement around it, without the body if it has one.
    """

    file: str
    function: str
    operator: str
    occurrence: int
    line: int
    statement: range


class _Regions(ast.NodeVisitor):
    """What is left out, and which function and statement every position belongs to."""

    def __init__(self, file: str, source: str) -> None:
        self.left_out: list[tuple[tuple[int, int], tuple[int, int]]] = []
        self._named: dict[str, range] = {}
        self._statements: list[range] = []
        self._names: list[str] = []
        self.visit(ast.parse(source))
        for name in (*_TEXTS.get(file, ()), *_BESIDE.get(file, ())):
            if name not in self._named:
                raise ValueError(f"tools/mutants.py leaves out {name}, which is not in {file}")
            lines = self._named[name]
            self.left_out.append(((lines.start, 0), (lines.stop, 0)))

    def contains(self, position: tuple[int, int]) -> bool:
        return any(start <= position < end for start, end in self.left_out)

    def function(self, line: int) -> tuple[str, range]:
        """The innermost function or class around a line, and its lines."""
        inside = [item for item in self._named.items() if line in item[1]]
        return max(inside, key=lambda item: item[1].start, default=("<module>", range(1, line + 1)))

    def statement(self, line: int) -> range:
        inside = [lines for lines in self._statements if line in lines]
        return max(inside, key=lambda lines: (lines.start, -lines.stop))

    def visit(self, node: ast.AST) -> None:
        body = getattr(node, "body", None)
        if isinstance(node, ast.stmt | ast.ExceptHandler | ast.match_case):
            first = _first_line(node)
            # Of a body only the first line: who gets there has been in the head.
            last = _first_line(body[0]) if body else getattr(node, "end_lineno", first)
            self._statements.append(range(first, last + 1))
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            assert node.end_lineno is not None
            self._names.append(node.name)
            self._named[".".join(self._names)] = range(_first_line(node), node.end_lineno + 1)
            super().visit(node)
            self._names.pop()
        else:
            super().visit(node)

    def _leave_out(self, node: ast.expr | ast.stmt | ast.arg) -> None:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        # ast counts columns in UTF-8 octets, parso in characters: the sources are ASCII.
        start, end = (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)
        self.left_out.append((start, end))

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.returns is not None:
            self._leave_out(node.returns)
        self.generic_visit(node)

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


def _first_line(node: ast.AST) -> int:
    """The line where a statement begins, with its decorators."""
    if isinstance(node, ast.match_case):
        return node.pattern.lineno
    assert isinstance(node, ast.stmt | ast.ExceptHandler)
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min(part.lineno for part in (node, *decorators))


@functools.cache
def _parsed(file: str) -> tuple[str, Any, str, _Regions]:
    """The source of a file, its tree for Cosmic Ray, what the compiler sees of it, its regions.

    Read by the parent and inherited by its children, each of which may change its own copy once.
    """
    source = (CODEC / file).read_text("utf-8")
    return source, parso.parse(source), ast.dump(ast.parse(source)), _Regions(file, source)


def mutants(file: str) -> Iterator[Mutant]:
    """All mutants of one file that count, invalid ones included."""
    _, parsed, _, regions = _parsed(file)
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
                function, _ = regions.function(start[0])
                statement = regions.statement(start[0])
                yield Mutant(file, function, name, occurrence, start[0], statement)


def make(mutant: Mutant) -> tuple[str, Key] | None:
    """The mutated source and its key; None if it does not compile or is the same program."""
    source, tree, unchanged, regions = _parsed(mutant.file)
    visitor = MutationVisitor(mutant.occurrence, OperatorProvider()[mutant.operator]())
    mutated: str = visitor.walk(tree).get_code()
    try:
        parsed = ast.parse(mutated)
        compile(parsed, mutant.file, "exec", dont_inherit=True)
    except SyntaxError:
        return None
    if ast.dump(parsed) == unchanged:
        return None
    lines = source.splitlines()
    diff = list(difflib.unified_diff(lines, mutated.splitlines(), n=0, lineterm=""))
    old, new = (
        " ".join(line[1:].strip() for line in diff[3:] if line[:1] == mark and line[1:].strip())
        for mark in "-+"
    )
    function, around = regions.function(mutant.line)
    earlier = lines[around.start - 1 : mutant.line]
    nth = sum(line.strip() == lines[mutant.line - 1].strip() for line in earlier)
    return mutated, Key(mutant.file, function, nth, old, new)
