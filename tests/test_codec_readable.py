"""The readable view, and the command that shows it."""

import io
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from hyperglyph.codec import Limits, readable
from hyperglyph.codec.__main__ import main

WHOLE = b"Du6:answer;Li42;T;; b1:k; X u1:x; O u; S N; ;; f1.5; ; pP1D; B0:D;; ; c0:2:ab; c0;"
WHOLE_TEXT = """\
       0      72  dict, 3 pairs
       1      10    unicode, 6 bytes: 'answer'
      11       8    list, 2 items
      12       4      integer: 42
      16       2      true
      20       5    bytearray, 1 byte: b'k'
      26      28    extension
      28       5      unicode, 1 byte: 'x'
      34      12      ordered dict, 1 pair
      36       2        unicode, 0 bytes
      39       6        set, 1 item
      41       2          nil
      47       5      float: 1.5
      55       5    timedelta: P1D
      61       6    blob 0
      64       2      dict, 0 pairs
      71       8  chunk of blob 0, 2 bytes
      80       3  end of blob 0"""


def test_a_whole_message() -> None:
    shown = readable(WHOLE)
    # widths come from the message itself: check them against it
    for line in shown.splitlines():
        start, length = int(line[:8]), int(line[8:16])
        assert WHOLE[start : start + length].endswith(b";")
    assert [line[18:] for line in shown.splitlines()] == [
        line[18:] for line in WHOLE_TEXT.splitlines()
    ]


@pytest.mark.parametrize(
    ("message", "lines"),
    [
        (b"i1;", ["       0       3  integer: 1"]),
        (b"F;", ["       0       2  false"]),
        (b"u00:;", ["       0       5  unicode, 0 bytes: ''"]),
        (b"b0:;", ["       0       4  bytearray, 0 bytes: b''"]),
        (b"u2:\xc3\xa9;", ["       0       6  unicode, 2 bytes: 'é'"]),
        (b"u1:\x1b;", [r"       0       5  unicode, 1 byte: '\x1b'"]),
        (b"d2020-01-01T00:00:00Z;", ["       0      22  datetime: 2020-01-01T00:00:00Z"]),
        (b"i" + b"1" * 80 + b";", [f"       0      82  integer: {'1' * 60}..."]),
        (b"u80:" + b"x" * 80 + b";", [f"       0      85  unicode, 80 bytes: '{'x' * 59}..."]),
        (
            b"LSB0:D;;",
            [
                "       0     ...  list, 1 item",
                "       1     ...    set, 0 items",
                "       2       !  a blob cannot be a key of a dict or an item of a set",
                "                  found 'B', as in b'B0:D;;'",
            ],
        ),
        (
            b"",
            [
                "       0       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"Lu5:ab",
            [
                "       0     ...  list, 1 item",
                "       1     ...    unicode, 5 bytes: 'ab'",
                "       6       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"Li12",
            [
                "       0     ...  list, 1 item",
                "       1     ...    integer: 12",
                "       4       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"Du",
            [
                "       0     ...  dict, 0 pairs",
                "       1     ...    unicode",
                "       2       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"Li1;z" + b"\xff" * 30,
            [
                "       0     ...  list, 1 item",
                "       1       3    integer: 1",
                "       4       !  unknown type 'z'",
                "                  found 'z', as in b'z" + r"\xff" * 23 + "'...",
            ],
        ),
        (
            b"B0:D;;c0:1:x;c0:5:ab",
            [
                "       0       6  blob 0",
                "       3       2    dict, 0 pairs",
                "       6       7  chunk of blob 0, 1 byte",
                "      13     ...  chunk of blob 0, 5 bytes",
                "      20       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"B0:D;;c0",
            [
                "       0       6  blob 0",
                "       3       2    dict, 0 pairs",
                "       6     ...  unfinished chunk",
                "       8       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"LB12",
            [
                "       0     ...  list, 1 item",
                "       1     ...    blob",
                "       4       !  the message is cut short",
                "                  the input ends here",
            ],
        ),
        (
            b"T:",
            [
                "       0     ...  true",
                "       1       !  ';' expected, found ':'",
                "                  found ':', as in b':'",
            ],
        ),
        (
            b"i1;\n;",
            [
                "       0       3  integer: 1",
                "       4       !  ';' after the end of the message",
                "                  found ';', as in b';'",
            ],
        ),
    ],
)
def test_layout(message: bytes, lines: list[str]) -> None:
    assert readable(message).splitlines() == lines


def test_limits() -> None:
    assert "nesting deeper than 1" in readable(b"LL;;", limits=Limits(depth=1))


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_every_cut_is_shown(cut: int) -> None:
    shown = readable(memoryview(WHOLE)[:cut])
    if WHOLE[:cut] not in (WHOLE.rstrip(), WHOLE):
        assert f"{cut:>8}       !  the message is cut short\n" in shown


# --- The command ----------------------------------------------------------------------------------


def test_the_command_shows_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "message"
    file.write_bytes(b"i1;")
    assert main([str(file)]) == 0
    assert capsys.readouterr() == ("       0       3  integer: 1\n", "")
    file.write_bytes(b"z")
    assert main([str(file)]) == 1
    expected = "       0       !  unknown type 'z'\n                  found 'z', as in b'z'\n"
    assert capsys.readouterr() == (expected, "")


def test_the_command_without_its_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "message"
    assert main([str(file)]) == 2
    assert capsys.readouterr() == ("", f"cannot read {file}: No such file or directory\n")


class Stdin:
    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_the_command_reads_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(b"T;"))
    assert main([]) == 0
    assert capsys.readouterr().out == "       0       2  true\n"
    monkeypatch.setattr(sys, "stdin", Stdin(b"T"))
    monkeypatch.setattr(sys, "argv", ["codec"])
    monkeypatch.delitem(sys.modules, "hyperglyph.codec.__main__")
    with pytest.raises(SystemExit) as caught:
        runpy.run_module("hyperglyph.codec", run_name="__main__")
    assert caught.value.code == 1


class Closed(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


def test_the_command_with_a_reader_that_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "message"
    file.write_bytes(b"i1;")
    monkeypatch.setattr(sys, "stdout", Closed())
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert main([str(file)]) == 0


def test_the_command_in_a_pipe() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "hyperglyph.codec"],
        input=b"Li1;",
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
    )
    assert process.returncode == 1
    assert process.stderr == b""
    assert process.stdout.splitlines()[0] == b"       0     ...  list, 1 item"
