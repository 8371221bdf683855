"""From the command line.

python -m hyperglyph URL       what is there, as signatures
python -m hyperglyph secret    a fresh key for HYPERGLYPH_SECRET or Router(secret=...)
"""

from __future__ import annotations

import inspect
import sys

import hyperglyph


def main(arguments: list[str]) -> int:
    """Print what the page at a URL offers, or a secret. Returns the exit status."""
    if arguments == ["secret"]:
        from hyperglyph.server.state import new_secret

        print(new_secret())
        return 0
    if len(arguments) != 1 or arguments[0].startswith("-"):
        print("usage: python -m hyperglyph URL | secret", file=sys.stderr)
        return 2
    page = None
    try:
        page = hyperglyph.get(arguments[0])
        members = hyperglyph.content_of(page)
    except (hyperglyph.HyperglyphError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except TypeError:
        print(repr(page))
        return 0
    for name, member in members.items():
        print(f"{name}{inspect.signature(member)}" if callable(member) else f"{name} = {member!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
