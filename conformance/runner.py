"""Runs cases against a testee: each goes to the judge of its kind."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from typing import Final

from .cases import Case, Vector
from .client_judge import judge_call, judge_client, judge_request, judge_url
from .codec_judge import judge_build, judge_codec
from .results import Result
from .server_judge import judge_server
from .testee import Testee, TesteeError

__all__ = ["run"]

Judge = Callable[[Case, Testee], Result]

#: What clients are tried with, where nobody says which server.
SERVER: Final = (sys.executable, "-m", "hyperglyph.conformance.testees.server")


def run(
    cases: Iterable[Case], testee: Testee, *, strict: bool = False, server: Testee | None = None
) -> Iterator[Result]:
    """Yield the result of each case whose role the testee has.

    `strict`: a wrong offset fails a vector, instead of a note. `server` is the one that a client
    calls in cases of kind `call`; by default this package's own, which is then started. A testee
    that crashes, hangs or answers garbage is started again for the next case.
    """
    with ExitStack() as started:
        for case in cases:
            if isinstance(case, Vector):
                yield judge_codec(case, testee, strict=strict)
            elif case.role in testee.roles:
                if case.kind != "call":
                    yield JUDGES[case.kind](case, testee)
                    continue
                try:
                    if server is None:
                        server = started.enter_context(Testee(SERVER))
                    origin = server.served()
                except TesteeError as error:
                    yield Result(case, "errored", f"the server: {error}")
                else:
                    yield judge_call(case, testee, origin)


#: By the kind of a scenario (spec/testee.md); those of kind `call` need a server besides.
JUDGES: dict[str, Judge] = {
    "server": judge_server,
    "client": judge_client,
    "url": judge_url,
    "request": judge_request,
    "build": judge_build,
}
