"""How much the vectors are worth: mutate the codec, and see whether the vectors alone notice.

Cosmic Ray's operators make the mutants; `mutants.py` says which count. Each runs in a forked child
that imports the codec afresh with one module's source replaced, and asks the vectors as the
conformance runner does (value, kind of fault, offset, canonical bytes, pieces of any size), up to
the first that disagrees. Only vectors that execute the mutant's statement are asked, since to the
others it makes no difference (`reach.py`); a mutant that no vector reaches has survived. One that
loops or eats memory is killed. Of a fast path it is also asked what it takes (`fastpath.py`).

Survivors are printed in the form of `mutation-equivalent.txt`, which takes those that no vector
can notice, mutant by mutant, each under a reason. Two figures come out: killed of all mutants, and
killed of those that are not listed. The second has to reach the minimum. A full run also fails on
what is listed and is killed, or is no mutant any more.

    python tools/mutation.py
    python tools/mutation.py --sample 300 --seconds 90      while there is time; what is listed
                                                        is not tried
    python tools/mutation.py --only numbers.py --only keys.py:make_set
"""

import argparse
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from functools import partial
from typing import Any

import attrs
from equivalents import LIST, Key, blocks, read_equivalents
from forked import run_forked
from mutants import FILES, Mutant, make, mutants
from reach import Reach, trace
from trial import Baseline, trial, unchanged


@attrs.define
class Tally:
    """What became of the valid mutants of one file."""

    killed: int = 0
    contract: int = 0  # of the killed: a fast path gave right results, but no longer took a vector
    listed: int = 0
    survived: int = 0
    unreached: int = 0  # of those that survived
    invalid: int = 0

    @property
    def valid(self) -> int:
        return self.killed + self.listed + self.survived

    def add(self, other: "Tally") -> None:
        for name in attrs.fields_dict(Tally):
            setattr(self, name, getattr(self, name) + getattr(other, name))


@attrs.frozen
class Outcome:
    """What came out of one mutant; `key` is None if it is invalid.

    `by` is what noticed it, None if it survived or, a listed one of a sample, was not tried.
    """

    mutant: Mutant
    key: Key | None = None
    by: str | None = None
    contract: bool = False
    reached: bool = True


# --- Running --------------------------------------------------------------------------------------


class Pool:
    """Tries mutants in at most `jobs` children at a time.

    `reach` None: all vectors are asked. Mutants in `known` are taken to survive.
    """

    def __init__(
        self,
        vectors: Sequence[Any],
        baseline: Baseline,
        reach: Reach | None,
        known: Set[Key],
        jobs: int,
    ) -> None:
        self._vectors = vectors
        self._baseline = baseline
        self._reach = reach
        self._known = known
        self._jobs = jobs
        self._killers: dict[tuple[str, str], Counter[str]] = {}
        # For what uses no time of the processor; what does is stopped sooner.
        self._timeout = 10 * sum(baseline.seconds.values()) + 10

    def run(self, todo: Iterable[Mutant]) -> Iterator[Outcome]:
        """Yield the outcomes in the order in which they come."""
        work = ((mutant, self._job(mutant)) for mutant in todo)
        for mutant, said in run_forked(work, self._jobs, self._timeout):
            if said is None:  # it died in the trial: its time or memory was up
                yield Outcome(mutant, _key_of(mutant), "! died")
                continue
            told = json.loads(said)
            if told["key"] is not None:
                told["key"] = Key(*told["key"])
            outcome = Outcome(mutant, **told)
            if outcome.by in self._baseline.seconds:
                killers = self._killers.setdefault((mutant.file, mutant.function), Counter())
                killers[outcome.by] += 1
            yield outcome

    def _job(self, mutant: Mutant) -> Callable[[], bytes]:
        return partial(_judge, mutant, self._order(mutant), self._baseline, self._known)

    def _order(self, mutant: Mutant) -> list[Any]:
        """The vectors to ask: those that noticed others in this function first, then small ones."""
        if self._reach is None:
            reached = list(self._vectors)
        else:
            indices = self._reach.indices(mutant.file, mutant.statement)
            reached = [self._vectors[index] for index in indices]
        reached = [vector for vector in reached if vector.name not in self._baseline.failing]
        killers = self._killers.get((mutant.file, mutant.function), Counter())
        rank = {name: place for place, (name, _) in enumerate(killers.most_common(12))}
        return sorted(reached, key=lambda vector: rank.get(vector.name, len(rank)))


def _judge(mutant: Mutant, order: Sequence[Any], baseline: Baseline, known: Set[Key]) -> bytes:
    made = make(mutant)
    if made is None:
        return json.dumps({"key": None}).encode()
    source, key = made
    outcome = {"key": attrs.astuple(key), "reached": bool(order)}
    if order and key not in known:
        verdict = trial(mutant.file, source, order, baseline)
        outcome |= attrs.asdict(verdict)
    return json.dumps(outcome).encode()


def _key_of(mutant: Mutant) -> Key:
    def key() -> bytes:
        made = make(mutant)
        assert made is not None
        return json.dumps(attrs.astuple(made[1])).encode()

    ((_, said),) = run_forked([(None, key)], 1, timeout=60)
    assert said is not None
    return Key(*json.loads(said))


# --- The command ----------------------------------------------------------------------------------


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


def run(todo: Sequence[Mutant], pool: Pool, seconds: float | None) -> list[Outcome]:
    """Try mutants while there is time."""
    deadline = None if seconds is None else time.monotonic() + seconds

    def in_time() -> Iterator[Mutant]:
        for mutant in todo:
            if deadline is not None and time.monotonic() > deadline:
                return
            yield mutant

    outcomes: list[Outcome] = []
    for outcome in pool.run(in_time()):
        outcomes.append(outcome)
        if len(outcomes) % 100 == 0:
            print(f"... {len(outcomes)} of {len(todo)}", file=sys.stderr, flush=True)
    return outcomes


def tallies(outcomes: Iterable[Outcome], listed: Set[Key]) -> dict[str, Tally]:
    """The tallies by file."""
    by_file: dict[str, Tally] = {}
    for outcome in outcomes:
        tally = by_file.setdefault(outcome.mutant.file, Tally())
        if outcome.key is None:
            tally.invalid += 1
        elif outcome.by is not None:
            tally.killed += 1
            tally.contract += outcome.contract
        elif outcome.key in listed:
            tally.listed += 1
        else:
            tally.survived += 1
            tally.unreached += not outcome.reached
    return dict(sorted(by_file.items()))


def percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else 100.0


def table(by_file: dict[str, Tally], total: Tally) -> str:
    lines = [
        f"{'file':14}{'mutants':>8}{'killed':>8}{'survived':>9}{'unreached':>10}{'listed':>8}"
        f"{'of all':>9}{'less listed':>12}"
    ]
    lines += [
        f"{file:14}{tally.valid:8}{tally.killed:8}{tally.survived:9}{tally.unreached:10}"
        f"{tally.listed:8}{percent(tally.killed, tally.valid):7.1f} %"
        f"{percent(tally.killed, tally.valid - tally.listed):10.1f} %"
        for file, tally in [*by_file.items(), ("all", total)]
    ]
    return "\n".join(lines)


def survivors(outcomes: Iterable[Outcome], listed: Set[Key]) -> str:
    """Those that are not listed, in the form of the list, with the place of each."""
    left = [o for o in outcomes if o.key is not None and o.by is None and o.key not in listed]
    by_line: dict[tuple[str, int, bool], list[Key]] = {}
    for outcome in sorted(left, key=lambda o: (o.mutant.file, o.mutant.line)):
        assert outcome.key is not None
        place = outcome.mutant.file, outcome.mutant.line, outcome.reached
        by_line.setdefault(place, []).append(outcome.key)
    return "\n\n".join(
        f"# line {line}{'' if reached else ', which no vector reaches'}\n{blocks(sorted(keys))}"
        for (_, line, reached), keys in by_line.items()
    )


def wrong_entries(outcomes: Iterable[Outcome], listed: Set[Key], *, full: bool) -> str:
    """What is listed and should not be; "" if all is well."""
    met = {outcome.key: outcome.by for outcome in outcomes if outcome.key is not None}
    killed = sorted(key for key in listed if met.get(key) is not None)
    gone = sorted(key for key in listed if key not in met) if full else []
    parts: list[str] = []
    if killed:
        parts.append(f"Listed, but the vectors notice them:\n\n{blocks(killed)}")
    if gone:
        parts.append(f"Listed, but no mutants any more:\n\n{blocks(gone)}")
    return "\n\n".join(parts)


def main() -> int:
    parser = argparse.ArgumentParser(description="Mutation test of the codec by the vectors alone.")
    parser.add_argument("--sample", type=int, help="only so many mutants, chosen by the seed")
    parser.add_argument("--seconds", type=float, help="start no more mutants after this time")
    parser.add_argument("--seed", type=int, default=1, help="of the sample (default %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="children (default %(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="FILE[:FUNCTION]")
    parser.add_argument("--untraced", action="store_true", help="ask every vector of every mutant")
    parser.add_argument("--tolerate", action="store_true", help="leave out vectors that fail now")
    parser.add_argument("--minimum", type=float, help="percent (default 95, for a sample 90)")
    options = parser.parse_args()
    full = options.sample is None and options.seconds is None and not options.only
    listed = read_equivalents(LIST.read_text("utf-8"))

    began = time.monotonic()
    vectors = load_vectors()
    # Before anything is decoded: what is cached by then would hide lines.
    reach = None if options.untraced else trace(vectors, options.jobs)
    traced = time.monotonic() - began
    baseline = unchanged(vectors)
    spent = sum(baseline.seconds.values())
    print(f"{len(vectors)} vectors, {spent:.1f} s for all; traced in {traced:.0f} s", flush=True)
    for file, taken in baseline.taken.items():
        print(f"{file} takes {sum(map(any, taken.values()))} of them", flush=True)
    if baseline.failing:
        print("These fail without any mutant:", *sorted(baseline.failing), sep="\n  ")
        if not options.tolerate:
            return 2

    todo = selected(options.only)
    if options.sample is not None:
        todo = random.Random(options.seed).sample(todo, min(options.sample, len(todo)))  # noqa: S311
    known = listed.keys() if options.sample is not None else frozenset[Key]()
    outcomes = run(todo, Pool(vectors, baseline, reach, known, options.jobs), options.seconds)

    by_file = tallies(outcomes, listed.keys())
    total = Tally()
    for tally in by_file.values():
        total.add(tally)
    print("", survivors(outcomes, listed.keys()), table(by_file, total), sep="\n\n")
    wrong = wrong_entries(outcomes, listed.keys(), full=full)
    if wrong:
        print(f"\n{wrong}")
    minimum = options.minimum or (95.0 if full else 90.0)
    reached = percent(total.killed, total.valid - total.listed)
    print(
        f"\n{total.killed} of {total.valid} mutants killed by the vectors alone: "
        f"{percent(total.killed, total.valid):.1f} %; {total.contract} of them by what a fast path "
        f"takes\n{total.listed} of the others are listed as beyond any vector (the list has "
        f"{len(listed)}, under {len(set(listed.values()))} reasons); without them: "
        f"{reached:.1f} %, and {minimum:g} % required\n"
        f"{total.invalid} more do not compile or change nothing; "
        f"{time.monotonic() - began:.0f} s in all"
    )
    return 1 if wrong or reached < minimum else 0


if __name__ == "__main__":
    sys.exit(main())
