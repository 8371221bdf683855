"""The fuzzer whose damage is guided by coverage: what reaches new branches is damaged further.

    python tests/fuzz/guided.py [SECONDS]

Atheris (libFuzzer for Python) watches the branches of the codec. It starts from the vectors, joins
pieces of them, and asks of every message what `fuzz_codec.py` asks. A failure is shown with its
message in hex and ends the run with a status other than 0.
"""

import random
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

atheris: Any = import_module("atheris")  # of the extra `soak`; it has no types

with atheris.instrument_imports(include=["hyperglyph.codec"]):
    import fuzz_codec

SECONDS = 60.0
#: Watching every branch makes the codec several times slower.
fuzz_codec.PATIENCE *= 8


def one(message: bytes) -> None:
    try:
        fuzz_codec.check(message, random.Random(len(message)))
    except Exception:
        print(f"message: {message.hex()}", file=sys.stderr)
        raise


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with tempfile.TemporaryDirectory() as corpus:
        for number, wire in enumerate(fuzz_codec.seeds()):
            (Path(corpus) / str(number)).write_bytes(wire)
        words = Path(corpus) / "words"
        words.write_text("".join(f'"{_escaped(token)}"\n' for token in fuzz_codec.TOKENS))
        options = [
            f"-max_total_time={seconds:.0f}",
            f"-max_len={fuzz_codec.LONGEST}",
            f"-dict={words}",
            "-print_final_stats=1",
            "-verbosity=0",
            f"-artifact_prefix={corpus}/",  # the message is shown; no file stays in the clone
        ]
        atheris.Setup([sys.argv[0], *options, corpus], one)
        atheris.Fuzz()


def _escaped(token: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in token)


if __name__ == "__main__":
    main()
