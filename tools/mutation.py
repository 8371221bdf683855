"""How much the vectors are worth: mutate the codec, and see whether the vectors alone notice.

Cosmic Ray's operators make the mutants. Each runs in a forked child that imports the codec afresh
with one module's source replaced, and asks every vector as the conformance runner does (value,
kind of fault, offset, canonical bytes, pieces of any size), small vectors first, up to the first
that disagrees. A mutant that loops or eats memory is killed too. Survivors are printed as blocks
that `mutation-equivalent.txt` takes with a reason.

Not counted, since no vector could or should notice them: mutants that do not compile or change
nothing; annotations and type aliases; the bare `*` of parameter lists; the texts of errors, that
is f-strings inside `raise`, and the functions that make nothing else; code under TYPE_CHECKING;
identity in place of equality, which CPython's small integers and interned texts make the same; and
those that `mutation-equivalent.txt` lists: a mutant, or those of a line or a function that survive
(`FILE:FUNCTION *`), each with its reason. What is listed is counted apart.

    python tools/mutation.py      all; fails under 95 % or on entries that are no mutant any more
    python tools/mutation.py --sample 300 --seconds 90      while there is time; fails under 90 %
    python tools/mutation.py --only numbers.py --only keys.py:make_set
"""

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import random
import resource
import select
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from types import CodeType, ModuleType
from typing import Any

import attrs
from mutants import CODEC, FILES, Entry, Key, Mutant, make, mutants, read_listed

# These import none of FILES, so a mutant cannot reach them: children need not import them again.
_UNTOUCHED = {
    "hyperglyph",
    "hyperglyph.codec.blob",
    "hyperglyph.codec.errors",
    "hyperglyph.codec.hypermedia",
    "hyperglyph.codec.limits",
    "hyperglyph.codec.types",
    "hyperglyph.conformance.shapes",
    "hyperglyph.spec",
}
_MEMORY = 2 * 1024**3


@attrs.define
class Tally:
    killed: int = 0
    survived: int = 0
    listed: int = 0
    invalid: int = 0

    @property
    def percentage(self) -> float:
        counted = self.killed + self.survived
        return 100 * self.killed / counted if counted else 100.0


# --- Running one ------------------------------------------------------------------------------


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


class InProcess:
    """A testee for the runner that answers without a process."""

    def __init__(self) -> None:
        from hyperglyph.conformance.testee_python import answer

        self._answer = answer

    def ask(self, **request: object) -> dict[str, Any]:
        return self._answer(request)


class _TooSlow(BaseException):
    """A vector takes far more CPU time than it does without a mutant."""


def _interrupt(signum: int, frame: object) -> None:
    raise _TooSlow


def first_failure(order: Iterable[Any], seconds: dict[str, float]) -> str | None:
    """The name of the first vector that disagrees, None if all agree. May raise anything.

    `seconds` is what each takes without a mutant; one that loops is not waited for.
    """
    from hyperglyph.conformance.runner import run as judge

    testee = InProcess()
    signal.signal(signal.SIGPROF, _interrupt)
    for vector in order:
        signal.setitimer(signal.ITIMER_PROF, 0.5 + 10 * seconds[vector.name])
        (result,) = judge([vector], testee, strict=True)
        if result.fails:
            return str(vector.name)
    signal.setitimer(signal.ITIMER_PROF, 0)
    return None


def judge_unchanged(vectors: Iterable[Any]) -> tuple[set[str], dict[str, float]]:
    """The names of the vectors that fail without a mutant, and the CPU seconds of each."""
    from hyperglyph.conformance.runner import run as judge

    testee = InProcess()
    failing: set[str] = set()
    seconds: dict[str, float] = {}
    for vector in vectors:
        began = time.process_time()
        (result,) = judge([vector], testee, strict=True)
        seconds[vector.name] = time.process_time() - began
        if result.fails:
            failing.add(vector.name)
    return failing, seconds


def _child(
    mutant: Mutant, order: Sequence[Any], seconds: dict[str, float], known: list[Entry], pipe: int
) -> None:
    """Judge one mutant, unless it is a `known` survivor, and write the outcome; never returns."""
    outcome: dict[str, Any] = {}
    try:
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        made = make(mutant)
        if made is None:
            outcome = {"invalid": True}
            return
        source, key = made
        outcome = {"key": attrs.astuple(key), "by": None}
        if any(entry.covers(key) for entry in known):
            return
        path = str(CODEC / mutant.file)
        name = "hyperglyph.codec." + mutant.file.removesuffix(".py")
        sys.meta_path.insert(0, _Finder(_Replaced(name, path, source)))
        for module in [name for name in sys.modules if name.split(".")[0] == "hyperglyph"]:
            if module not in _UNTOUCHED:
                del sys.modules[module]
        try:
            outcome["by"] = first_failure(order, seconds)
        except BaseException as error:  # noqa: BLE001 - whatever a mutant does, it was noticed
            outcome["by"] = f"! {type(error).__name__}"
    finally:
        os.write(pipe, json.dumps(outcome).encode())
        os._exit(0)


class Pool:
    """Runs mutants in at most `jobs` forked children at a time."""

    def __init__(
        self, vectors: Sequence[Any], seconds: dict[str, float], known: list[Entry], jobs: int
    ) -> None:
        self._vectors = vectors
        self._known = known
        self._seconds = seconds
        self._by_name = {vector.name: vector for vector in vectors}
        self._killers: dict[tuple[str, str], Counter[str]] = {}
        self._jobs = jobs
        # For what no signal interrupts, such as a huge power: 10 passes, if both cores are shared.
        self._timeout = 10 * sum(seconds.values()) + 10

    def run(self, todo: Iterable[Mutant]) -> Iterator[tuple[Mutant, dict[str, Any]]]:
        """Yield each mutant with its outcome, in the order in which they end."""
        running: dict[int, tuple[int, Mutant, float]] = {}
        rest = iter(todo)
        while True:
            while len(running) < self._jobs and (mutant := next(rest, None)) is not None:
                pipe, pid = self._start(mutant)
                running[pipe] = (pid, mutant, time.monotonic() + self._timeout)
            if not running:
                return
            soonest = min(deadline for _, _, deadline in running.values())
            ready, _, _ = select.select(running, [], [], max(0.0, soonest - time.monotonic()))
            for pipe in list(running):
                pid, mutant, deadline = running[pipe]
                if pipe not in ready:
                    if time.monotonic() < deadline:
                        continue
                    os.kill(pid, signal.SIGKILL)
                del running[pipe]
                yield mutant, self._end(pipe, pid, mutant)

    def _start(self, mutant: Mutant) -> tuple[int, int]:
        # What noticed a mutant in this function before will likely notice this one.
        killers = self._killers.get((mutant.file, mutant.function), Counter())
        first = [self._by_name[name] for name, _ in killers.most_common(12)]
        order = [*first, *self._vectors]
        here, there = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(here)
            _child(mutant, order, self._seconds, self._known, there)
        os.close(there)
        return here, pid

    def _end(self, pipe: int, pid: int, mutant: Mutant) -> dict[str, Any]:
        with os.fdopen(pipe, "rb") as file:
            said = file.read()
        os.waitpid(pid, 0)
        # Killed for its time or its memory: noticed, as the runner notices a testee that hangs.
        outcome: dict[str, Any] = json.loads(said) if said else {"by": "! killed"}
        if outcome.get("by") in self._by_name:
            killers = self._killers.setdefault((mutant.file, mutant.function), Counter())
            killers[outcome["by"]] += 1
        return outcome


# --- The command ------------------------------------------------------------------------------


def load_vectors() -> list[Any]:
    """All vectors, small ones first."""
    from hyperglyph.conformance.cases import load

    def weight(vector: Any) -> int:
        return len(vector.wire or b"") + len(vector.canonical or b"")

    return sorted(load(), key=weight)


def selected(only: Sequence[str]) -> list[Mutant]:
    """The mutants of all files, or of those named FILE or FILE:FUNCTION."""
    files = list(FILES)
    if only:
        files = [file for file in files if any(name.split(":")[0] == file for name in only)]
    found = [mutant for file in files for mutant in mutants(file)]
    if only:
        found = [m for m in found if m.file in only or f"{m.file}:{m.function}" in only]
    return found


def run(
    todo: Sequence[Mutant], pool: Pool, seconds: float | None, listed: list[Entry]
) -> tuple[dict[str, Tally], set[Key]]:
    """Judge mutants while there is time; the tallies by file, and the keys that were met."""
    tallies = {file: Tally() for file in FILES if any(mutant.file == file for mutant in todo)}
    met: set[Key] = set()
    deadline = None if seconds is None else time.monotonic() + seconds

    def in_time() -> Iterator[Mutant]:
        for mutant in todo:
            if deadline is not None and time.monotonic() > deadline:
                return
            yield mutant

    for count, (mutant, outcome) in enumerate(pool.run(in_time()), 1):
        tally = tallies[mutant.file]
        key = Key(*outcome["key"]) if "key" in outcome else None
        if key is not None:
            met.add(key)
        if outcome.get("invalid"):
            tally.invalid += 1
        elif outcome["by"] is not None:
            tally.killed += 1
        elif key is not None and any(entry.covers(key) for entry in listed):
            tally.listed += 1
        else:
            assert key is not None
            tally.survived += 1
            print(f"\n# line {mutant.line}\n{key.block()}", flush=True)
        if count % 100 == 0:
            print(f"... {count} of {len(todo)}", file=sys.stderr, flush=True)
    return tallies, met


def table(tallies: dict[str, Tally]) -> str:
    head = f"{'file':14}{'counted':>8}{'killed':>8}{'survived':>9}{'percent':>9}"
    lines = [head + f"{'listed':>8}{'invalid':>9}"]
    total = Tally()
    for file, tally in [*tallies.items(), ("all", total)]:
        if tally is not total:
            total.killed += tally.killed
            total.survived += tally.survived
            total.listed += tally.listed
            total.invalid += tally.invalid
        lines.append(
            f"{file:14}{tally.killed + tally.survived:8}{tally.killed:8}{tally.survived:9}"
            f"{tally.percentage:9.1f}{tally.listed:8}{tally.invalid:9}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation test of the codec by the vectors alone.")
    parser.add_argument("--sample", type=int, help="only so many mutants, chosen by the seed")
    parser.add_argument("--seconds", type=float, help="start no more mutants after this time")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="children (default %(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="FILE[:FUNCTION]")
    parser.add_argument("--tolerate", action="store_true", help="leave out vectors that fail now")
    parser.add_argument("--minimum", type=float, help="percent (default 95, for a sample 90)")
    options = parser.parse_args()

    vectors = load_vectors()
    failing, spent = judge_unchanged(vectors)
    print(f"{len(vectors)} vectors, {sum(spent.values()):.1f} s for all of them", flush=True)
    if failing:
        print("These fail without any mutant:", *sorted(failing), sep="\n  ")
        if not options.tolerate:
            return 2
        vectors = [vector for vector in vectors if vector.name not in failing]

    todo = selected(options.only)
    if options.sample is not None:
        todo = random.Random(options.seed).sample(todo, min(options.sample, len(todo)))  # noqa: S311
    listed = read_listed()
    # A survivor takes longest. One that is listed by itself is known; one of a listed line or
    # function may be killed, which only a full run takes the time to find out.
    known = listed if options.sample else [entry for entry in listed if entry.operator != "*"]
    pool = Pool(vectors, spent, known, options.jobs)
    tallies, met = run(todo, pool, options.seconds, listed)

    print(f"\n{table(tallies)}")

    partial = options.sample is not None or options.seconds is not None or options.only
    stale = [e for e in listed if not partial and not any(map(e.covers, met))]
    if stale:
        print(
            "\nEquivalents that are no mutant any more:", *(key.block() for key in stale), sep="\n"
        )
    done = sum(t.killed + t.survived for t in tallies.values())
    killed = sum(tally.killed for tally in tallies.values())
    minimum = options.minimum or (90.0 if partial else 95.0)
    reached = 100 * killed / done if done else 0.0
    print(
        f"\n{reached:.1f} % of {done} mutants killed by the vectors alone; {minimum:g} % required"
    )
    return 1 if stale or reached < minimum else 0


if __name__ == "__main__":
    sys.exit(main())
