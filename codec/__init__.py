"""The wire format of hyperglyph: bytes <-> values, and nothing else.

    >>> from hyperglyph.codec import decode, encode
    >>> encode({"answer": 42})
    b'Du6:answer;i42;;'
    >>> decode(b'Du6:answer;i42;;')
    {'answer': 42}

Needs attrs and the standard library; does no I/O but a blob's own file. The written form of what
it does is spec/hyperglyph-1.0.md; each rule there is cited beside the code that follows it.
"""

from .blob import Blob
from .decoder import decode
from .encoder import encode, encode_pieces
from .errors import DecodeError, EncodeError, HyperglyphError, LimitExceeded, Truncated
from .hypermedia import KINDS, MISSING, Collection, Error, Form, Input, Link, Resource
from .limits import Limits
from .pieces import Pieces
from .readable import readable
from .reader import Reader
from .sequence import SequenceReader
from .types import Extension, Period

__all__ = [
    "KINDS",
    "MISSING",
    "Blob",
    "Collection",
    "DecodeError",
    "EncodeError",
    "Error",
    "Extension",
    "Form",
    "HyperglyphError",
    "Input",
    "LimitExceeded",
    "Limits",
    "Link",
    "Period",
    "Pieces",
    "Reader",
    "Resource",
    "SequenceReader",
    "Truncated",
    "decode",
    "encode",
    "encode_pieces",
    "readable",
]
