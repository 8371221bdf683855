"""A session of a notebook: cells that use the box. It runs as a program too:

    python examples/notebook/session.py URL [FILE]

URL is that of the box. FILE is a dataset of float64; without one, a day of a sensor is made up.
"""

# %% The box, and a workspace on it
import random
import sys
import tempfile
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import IO, Any

import hyperglyph as glyph

client = glyph.Client(timeout=600)  # a call may compute for as long
box = client.get(sys.argv[1])
workspace = box.new_workspace()
print(workspace)


# %% The data go up as a blob: piece by piece, and never whole in memory on either side
def a_day() -> IO[bytes]:
    """A value each tenth of a second: 20 degrees, and some noise."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - whoever asked for it closes it
    chance = random.Random(1)  # noqa: S311 - an example
    for _ in range(24 * 60):
        array("d", [chance.gauss(20, 2) for _ in range(600)]).tofile(file)
    file.seek(0)
    return file


with open(sys.argv[2], "rb") if len(sys.argv) > 2 else a_day() as file:
    workspace = workspace.load(glyph.blob(file, "application/vnd.float64-le"))
print(f"{workspace.count:,} values")

# %% A result with names
summary = workspace.describe()
print(summary)
print(f"{summary.mean:.2f} ± {summary.stdev:.2f}")


# %% How far a long call has come, another call tells
def watched(call: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Make a call, and print its progress until it is done."""
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(call, *args, **kwargs)
        while not wait([answer], timeout=0.2).done:
            if (progress := workspace.progress()) is not None:
                print(f"{progress.method}: {progress.done / progress.of:.0%}", flush=True)
        return answer.result()


found = watched(workspace.bootstrap, rounds=1000, seed=1)
print(f"the mean is between {found.low:.3f} and {found.high:.3f}")

# %% Bytes become an array
means = array("d", found.means)
print(f"{len(means)} means, the least {min(means):.3f}")

# %% A large result is a blob: read it like a file
with watched(workspace.rolling_mean, window=600) as blob:
    first = array("d", blob.read(8 * 3))
    print(f"{blob.size // 8:,} means, the first {first[0]:.3f}")

# %% The URL is all that is needed to go on tomorrow
url = glyph.url_of(workspace)
again = client.get(url)
print(again == workspace, again.count == workspace.count)

# %% What a notebook shows of it
table = again._repr_html_()
print(table.count("<tr>"), "rows")

client.close()
