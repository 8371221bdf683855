"""Takes the box through its deploys while a client holds references and uses them.

    python examples/notebook/rehearse.py

At first the box is below a prefix, in a WSGI server; from deploy 5 on its workspaces are at a
second service, at the root. The client lists both, so that it may take arguments from one to the
other. Prints what came of the references after each deploy.
"""

import random
import sys
import tempfile
from array import array
from pathlib import Path
from typing import Any

import hyperglyph as glyph

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent))

from deploys import Address, Rehearsal  # noqa: E402 - which is in the folder above

DEPLOYS = HERE / "deploys"
chance = random.Random(2012)  # noqa: S311 - an example
TYPE = "application/vnd.float64-le"
VALUES = array("d", [chance.gauss(10, 3) for _ in range(20_000)])
DATA = VALUES.tobytes()
MEAN = sum(VALUES) / len(VALUES)


def hold(rehearsal: Rehearsal, client: glyph.Client, box: Any, since: str) -> None:
    """Hold a workspace with data: as an object, by its methods, by its URL."""
    workspace = box.new_workspace().load(glyph.blob(DATA, TYPE))
    load, bootstrap, describe = workspace.load, workspace.bootstrap, workspace.describe
    url = glyph.url_of(workspace)

    def loads() -> None:
        assert load(glyph.blob(DATA, TYPE)).count == len(VALUES)

    def computes() -> None:
        assert abs(describe().mean - MEAN) < 1e-9
        found = bootstrap(50, seed=1)
        assert found.low < found.mean < found.high
        with workspace.rolling_mean(24) as means:
            assert means.size == len(DATA) - 23 * 8

    def is_read() -> None:
        assert client.get(url).values(5, 3) == VALUES[5:8].tobytes()
        assert glyph.reload(workspace).progress() is None

    rehearsal.hold(f"{since}: load()", loads)
    rehearsal.hold(f"{since}: what computes", computes)
    rehearsal.hold(f"{since}: its URL", is_read)


def hold_news(rehearsal: Rehearsal, box: Any, deploy: str) -> None:
    """Hold what the deploy brought."""
    workspace = box.new_workspace().load(glyph.blob(DATA, TYPE))
    if deploy == "1":
        histogram = workspace.histogram
        rehearsal.hold("histogram()", lambda: expect(sum(histogram(5)["counts"]), len(VALUES)))
    if deploy == "2":
        bootstrap = workspace.bootstrap
        rehearsal.hold("bootstrap(confidence)", lambda: bootstrap(50, confidence=0.5))
    if deploy == "3":
        part = workspace.part(100, 300).part(50)
        rehearsal.hold("a part of a part", lambda: expect(glyph.reload(part).count, 150))
        rehearsal.hold("its values", lambda: expect(part.values(0, 1), VALUES[150:151].tobytes()))


def expect(found: object, expected: object) -> None:
    assert found == expected, f"{found!r:.80} is not {expected!r:.80}"


def rehearse(folder: Path) -> Rehearsal:
    """All deploys, with the datasets in a folder."""
    rehearsal = Rehearsal()
    place = ("--folder", str(folder))
    with (
        Address() as old,
        Address(secret=old.secret) as new,
        glyph.Client(origins=[old.url, new.url]) as client,
    ):
        old.deploy(HERE / "service.py", *place, "--mount", "/box")
        box = client.get(old.url)
        rehearsal.hold("new_workspace()", lambda: box.new_workspace().unload())
        hold(rehearsal, client, box, "held since the start")
        for program in sorted(DEPLOYS.glob("[1-5]_*.py")):
            number, _, what = program.stem.partition("_")
            to = ()
            if number == "5":
                new.deploy(DEPLOYS / "4_renamed_class.py", *place)
                to = ("--to", new.url)
            old.deploy(program, *place, "--mount", "/box", *to)
            rehearsal.check(f"{number} {what.replace('_', ' ')}")
            anew = client.get(old.url)
            hold(rehearsal, client, anew, f"held since deploy {number}")
            hold_news(rehearsal, anew, number)
        new.deploy(DEPLOYS / "6_incompatible.py", *place)
        rehearsal.check("6 incompatible")
    return rehearsal


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        print(rehearse(Path(folder)).table())


if __name__ == "__main__":
    main()
