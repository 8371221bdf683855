"""What pyproject.toml cannot say: the sdist keeps the links of src/hyperglyph as links."""

import os
from collections.abc import Sequence
from pathlib import Path

from setuptools import setup
from setuptools.command.sdist import sdist


class SdistWithLinks(sdist):
    """setuptools follows links to folders; type checkers and tests need them as they are."""

    def make_release_tree(self, base_dir: str, files: Sequence[str]) -> None:
        super().make_release_tree(base_dir, list(files))
        for path in Path("src/hyperglyph").iterdir():
            if path.is_symlink():
                os.symlink(os.readlink(path), Path(base_dir) / path)


setup(cmdclass={"sdist": SdistWithLinks})
