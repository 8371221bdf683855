"""One mutant's trial: the codec imported afresh with one source replaced, asked vector by vector.

Everything here runs in a forked child, but for `unchanged`.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import os
import resource
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any, cast

import attrs
from fastpath import FAST_PATHS, loses

CODEC = Path(__file__).resolve().parent.parent / "codec"
_MEMORY = 2 * 1024**3


@attrs.frozen
class Baseline:
    """What is true without a mutant."""

    failing: frozenset[str]
    seconds: dict[str, float]  # of CPU time, by vector
    taken: dict[str, dict[str, tuple[int, ...]]]  # by fast path and vector


class InProcess:
    """A testee for the runner that answers without a process."""

    def __init__(self) -> None:
        from hyperglyph.conformance.testees.codec import answer

        self._answer = answer

    def ask(self, **request: object) -> dict[str, Any]:
        return self._answer(request)


def fails(vector: Any, testee: InProcess) -> bool:
    """Judge as the conformance runner does, a wrong offset included."""
    from hyperglyph.conformance.codec_judge import judge_codec

    return judge_codec(vector, cast("Any", testee), strict=True).fails


def unchanged(vectors: Iterable[Any]) -> Baseline:
    testee = InProcess()
    failing: set[str] = set()
    seconds: dict[str, float] = {}
    taken: dict[str, dict[str, tuple[int, ...]]] = {
        file: {} for file in FAST_PATHS if (CODEC / file).exists()
    }
    for vector in vectors:
        began = time.process_time()
        if fails(vector, testee):
            failing.add(vector.name)
        seconds[vector.name] = time.process_time() - began
        for file, by_name in taken.items():
            by_name[vector.name] = FAST_PATHS[file](vector)
    _imports()  # for all children to inherit
    return Baseline(frozenset(failing), seconds, taken)


@attrs.frozen
class Verdict:
    """`by` is the vector that noticed the mutant, or what ended the child; None: nobody did.

    `contract`: every result was right, but a fast path no longer took the vector.
    """

    by: str | None
    contract: bool = False


def trial(file: str, source: str, order: Sequence[Any], baseline: Baseline) -> Verdict:
    """Ask the vectors in this order, up to the first that notices. Spoils the process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _interrupt)
    try:
        _bound(10.0)
        replace(file, source)
        return _ask(file, order, baseline)
    except BaseException as error:  # noqa: BLE001 - whatever a mutant does, it was noticed
        return Verdict(f"! {type(error).__name__}")
    finally:
        signal.signal(signal.SIGPROF, signal.SIG_IGN)


def _ask(file: str, order: Sequence[Any], baseline: Baseline) -> Verdict:
    testee = InProcess()
    taken = baseline.taken.get(file)
    for vector in order:
        _bound(0.5 + 10 * baseline.seconds[vector.name])
        if fails(vector, testee):
            return Verdict(vector.name)
        if taken is not None and loses(taken[vector.name], FAST_PATHS[file](vector)):
            return Verdict(vector.name, contract=True)
    return Verdict(None)


class _TooSlow(BaseException):
    """A vector takes far more CPU time than it does without a mutant."""


def _interrupt(signum: int, frame: FrameType | None) -> None:
    raise _TooSlow


def _bound(seconds: float) -> None:
    """Raise _TooSlow after so much CPU time, or where nothing is raised, in C, die soon after."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 2, hard))


# --- Importing a mutant ---------------------------------------------------------------------------


class _Replaced(importlib.machinery.SourceFileLoader):
    """Loads one module from a given source in place of its file's."""

    def __init__(self, fullname: str, path: str, source: str) -> None:
        super().__init__(fullname, path)
        self._source = source

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, loader: _Replaced) -> None:
        self._loader = loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self._loader.name:
            return None
        return importlib.util.spec_from_loader(fullname, self._loader)


def replace(file: str, source: str) -> None:
    """Have a module of the codec, and all that import it, imported anew with this source."""
    name = "hyperglyph.codec." + file.removesuffix(".py")
    sys.meta_path.insert(0, _Finder(_Replaced(name, str(CODEC / file), source)))
    imports = _imports()
    stale = {name}
    while more := {module for module, names in imports.items() if names & stale} - stale:
        stale |= more
    for module in stale & set(sys.modules):
        del sys.modules[module]


_graph: dict[str, set[str]] = {}


def _imports() -> dict[str, set[str]]:
    """What each module of hyperglyph imports."""
    if not _graph:
        for name, module in list(sys.modules.items()):
            path = getattr(module, "__file__", None)
            if name.split(".")[0] == "hyperglyph" and path is not None:
                package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
                _graph[name] = set(_imported(os.path.realpath(path), package))
    return _graph


def _imported(path: str, package: str) -> Iterable[str]:
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
