"""What the testees of this package say of themselves."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

__all__ = ["about"]


def about(name: str, *roles: str) -> dict[str, Any]:
    """The answer to `start`, but for its `seq`."""
    try:
        number = version("hyperglyph")
    except PackageNotFoundError:  # a bare checkout
        number = "unknown"
    return {"implementation": name, "language": "Python", "version": number, "roles": list(roles)}
