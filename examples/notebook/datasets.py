"""Datasets: files of float64, little-endian, in one folder. They are read and written in pieces.

A key names a dataset, and never a file: the file's name is a hash of it.
"""

import hashlib
import os
import shutil
import sys
import tempfile
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import IO

#: Bytes of a value.
WIDTH = 8
#: Values in a piece: half a megabyte.
PIECE = 65_536


def from_bytes(data: bytes) -> "array[float]":
    """The values in bytes that travelled. Raises ValueError if they are no whole values."""
    values = array("d", data)
    if sys.byteorder == "big":
        values.byteswap()
    return values


def to_bytes(values: "array[float]") -> bytes:
    """The values as they travel."""
    if sys.byteorder == "big":
        values = values[:]
        values.byteswap()
    return values.tobytes()


class Datasets:
    """The datasets in a folder, which is made if it is not there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder

    def _path(self, key: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()}.f64"

    def write(self, key: str, file: IO[bytes]) -> None:
        """Keep what is in a file, in place of what was kept before; readers see one or the other.

        Raises ValueError, and changes nothing, if it is no whole number of values.
        """
        with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as new:
            try:
                shutil.copyfileobj(file, new, PIECE * WIDTH)
                size = new.tell()
                if size % WIDTH:
                    raise ValueError(f"{size} bytes are no whole number of float64")
                new.flush()
                os.replace(new.name, self._path(key))
            except BaseException:
                os.unlink(new.name)
                raise

    def remove(self, key: str) -> None:
        self._path(key).unlink(missing_ok=True)

    def count(self, key: str) -> int:
        """How many values there are; 0 if there is no such dataset."""
        try:
            return self._path(key).stat().st_size // WIDTH
        except FileNotFoundError:
            return 0

    def read(self, key: str, part: range) -> "array[float]":
        """The values of one part, whole. Raises FileNotFoundError."""
        return sum(self.pieces(key, part), start=array("d"))

    def pick(self, key: str, positions: list[int]) -> "array[float]":
        """The values at some positions, in that order. Raises FileNotFoundError."""
        with self._path(key).open("rb", buffering=0) as file:
            return from_bytes(
                b"".join(os.pread(file.fileno(), WIDTH, WIDTH * position) for position in positions)
            )

    def pieces(self, key: str, part: range) -> "Iterator[array[float]]":
        """The values of one part, in pieces. Raises FileNotFoundError."""
        with self._path(key).open("rb") as file:
            file.seek(part.start * WIDTH)
            for start in range(0, len(part), PIECE):
                yield from_bytes(file.read(len(part[start : start + PIECE]) * WIDTH))
