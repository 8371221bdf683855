"""`python -m hyperglyph.codec [FILE]` lays out the message in a file, or on standard input.

Ends with status 1 if the message is malformed; its fault is then the last thing shown.
"""

from __future__ import annotations

import argparse
import sys
from contextlib import suppress
from pathlib import Path

from . import DecodeError, decode, readable


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m hyperglyph.codec",
        description="Lay out a hyperglyph message with the type, length and offset of each object.",
    )
    parser.add_argument("file", nargs="?", type=Path, help="default: standard input")
    file: Path | None = parser.parse_args(arguments).file
    try:
        message = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        print(f"cannot read {file}: {error.strerror}", file=sys.stderr)
        return 2
    with suppress(AttributeError):  # what stands for standard output need not be a text file
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        print(readable(message))
        decode(message)
    except DecodeError:
        return 1
    except BrokenPipeError:  # | head
        sys.stderr.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
