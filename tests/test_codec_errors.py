"""The exceptions: their tree, their text, and that they can be sent between processes."""

import copy
import pickle

import pytest

from hyperglyph import codec
from hyperglyph.codec import (
    DecodeError,
    EncodeError,
    HyperglyphError,
    LimitExceeded,
    Truncated,
    decode,
    encode,
)


@pytest.mark.parametrize(
    ("kind", "bases"),
    [
        (HyperglyphError, (Exception,)),
        (EncodeError, (HyperglyphError, TypeError, ValueError)),
        (DecodeError, (HyperglyphError, ValueError)),
        (Truncated, (DecodeError, EOFError)),
        (LimitExceeded, (DecodeError,)),
    ],
)
def test_tree(kind: type[Exception], bases: tuple[type[Exception], ...]) -> None:
    assert kind.__bases__ == bases


@pytest.mark.parametrize("kind", [DecodeError, Truncated, LimitExceeded])
def test_decode_errors(kind: type[DecodeError]) -> None:
    error = kind("no good", 12)
    assert (error.reason, error.offset, error.args) == ("no good", 12, ("no good", 12))
    assert str(error) == "no good (at byte 12)"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(twin) is kind
        assert (str(twin), twin.reason, twin.offset) == (str(error), "no good", 12)


def test_encode_errors() -> None:
    error = EncodeError("no good", "$.a[1]")
    assert (error.reason, error.path, str(error)) == ("no good", "$.a[1]", "no good (at $.a[1])")
    assert str(EncodeError("no good")) == "no good (at $)"
    twin = pickle.loads(pickle.dumps(error))
    assert (type(twin), str(twin), twin.path) == (EncodeError, str(error), "$.a[1]")


@pytest.mark.parametrize("wire", [b"i;", b"u1:\xff;", b"f1e999;", b"L", b"pP;"])
def test_errors_do_not_show_what_is_inside(wire: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(wire)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_errors_of_decode_and_encode_are_hyperglyph_errors() -> None:
    with pytest.raises(HyperglyphError):
        decode(b"z")
    with pytest.raises(TypeError):
        encode(object())


def test_decode_takes_bytes_only() -> None:
    with pytest.raises(TypeError):
        decode("i1;")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(TypeError):
        decode(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_public_names() -> None:
    assert sorted(codec.__all__, key=str.lower) == sorted(set(codec.__all__), key=str.lower)
    assert all(hasattr(codec, name) for name in codec.__all__)
