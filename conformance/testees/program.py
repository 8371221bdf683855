"""What the programs of this package's clients and servers share: their loop, and who they are."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["about", "serve_requests"]

Request = dict[str, Any]
Reply = dict[str, Any]


def about(name: str, *roles: str) -> Reply:
    """The answer to `start`, but for its `seq`."""
    try:
        number = version("hyperglyph")
    except PackageNotFoundError:  # a bare checkout
        number = "unknown"
    return {"implementation": name, "language": "Python", "version": number, "roles": list(roles)}


def serve_requests(answer: Callable[[Request], Reply]) -> None:
    """Answer each request on standard input, until one is `stop` or there are no more.

    `answer` gives what an answer holds beside `seq`. What it raises is told, and the next request
    is read; what it or a library prints goes to standard error.
    """
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        for line in sys.stdin.buffer:
            request = json.loads(line)
            try:
                reply = answer(request)
            except Exception:  # noqa: BLE001 - the runner is to hear of it, and to go on
                reply = {"errored": traceback.format_exc()}
            answers.write(json.dumps({"seq": request["seq"], **reply}).encode("ascii") + b"\n")
            answers.flush()
            if "stopped" in reply:
                break
