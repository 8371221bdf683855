"""The fuzzer, for a moment. Its seeds are the vectors, so this is no unit test of the codec."""

import runpy
from pathlib import Path

import pytest

FUZZER = Path(__file__).parent / "fuzz" / "fuzz_codec.py"


def test_the_fuzzer_finds_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    main = runpy.run_path(str(FUZZER))["main"]
    assert main(["1.5", "--seed", "1"]) == 0
    assert capsys.readouterr().out.endswith(" messages, no failure\n")
