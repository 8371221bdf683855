"""Judges a codec: sends vectors to a testee and looks at its answers.

The testee never learns what is expected: of a vector that is decoded it gets the octets alone, and
the value to encode only after it has answered.
"""

from collections.abc import Callable, Sequence
from typing import Any

from .cases import Case, Vector
from .results import NotPassed, Result
from .substitution import octets
from .testee import Testee, TesteeError
from .typed import NotTyped, Typed, same

Ask = Callable[..., dict[str, Any]]

# Cuts for REQ-MSG-5: every octet by itself, and pieces that lie across objects and their parts.
PIECES: tuple[Sequence[int], ...] = ([1], [7, 3, 100])
_SMALL = 4096


def judge_codec(vector: Vector, testee: Testee, *, strict: bool = False) -> Result:
    """Have a testee decode and encode, and judge it. `strict`: a wrong offset fails the vector."""
    return _Judge(testee.ask, vector, strict=strict).result()


def judge_build(case: Case, testee: Testee) -> Result:
    """Have a testee build an extension as its users do, and judge whether it should have."""
    value, refused = case.source["build"], case.source["expect"] == "reject"
    outcome, detail, fails = "passed", "", False
    try:
        reply = testee.ask(cmd="build", value=value)
        # Nothing is lost where an implementation, or its testee, has nothing to build them with.
        _look(reply, fails=False)
        if ("wire" in reply) == ("fault" in reply):
            raise NotPassed("garbage", f"build: neither wire nor fault: {_said(reply)}")
        if refused and "wire" in reply:
            raise NotPassed("failed", f"build: gave {_short(reply['wire'])}, not refused")
        if not refused and reply.get("wire") != octets({"value": value}).hex():
            raise NotPassed("failed", f"build: {_said(reply)}, not built")
    except NotPassed as failure:
        outcome, detail, fails = failure.outcome, failure.detail, failure.fails
    except TesteeError as error:
        outcome, detail, fails = error.outcome, str(error), True
    return Result(case, outcome, detail, (), fails and case.level == "must")


class _Judge:
    """Judges one vector; each check raises NotPassed or TesteeError, or returns."""

    def __init__(self, ask: Ask, vector: Vector, *, strict: bool) -> None:
        self._ask = ask
        self._vector = vector
        self._strict = strict
        self._notes: list[str] = []

    def result(self) -> Result:
        outcome, detail, fails = "passed", "", False
        try:
            if self._vector.encode is not None:
                self._judge_encoding(self._vector.encode)
            else:
                self._judge_decoding()
        except NotPassed as failure:
            outcome, detail, fails = failure.outcome, failure.detail, failure.fails
        except TesteeError as error:
            outcome, detail, fails = error.outcome, str(error), True
        return Result(self._vector, outcome, detail, tuple(self._notes), fails)

    # Decoding

    def _judge_decoding(self) -> None:
        vector = self._vector
        assert vector.wire is not None
        reply = self._send(cmd="decode", wire=vector.wire.hex())
        self._check_decoded(reply, "decode")
        if len(vector.wire) <= _SMALL:
            self._judge_pieces(reply)
        if "value" in reply and vector.value is not None:
            self._judge_encoder(vector.value, vector.wire)

    def _judge_pieces(self, whole: dict[str, Any]) -> None:
        assert self._vector.wire is not None
        for sizes in PIECES:
            what = f"decode in pieces of {sizes}"
            reply = self._ask(cmd="decode", wire=self._vector.wire.hex(), pieces=sizes)
            if "skipped" in reply:
                return
            _look(reply, fails=True)
            self._check_decoded(reply, what)
            # Where the vector leaves the choice, the pieces must not make it.
            if ("value" in whole) != ("value" in reply) or whole.get("fault") != reply.get("fault"):
                raise NotPassed("failed", f"{what}: {_said(reply)}, but whole: {_said(whole)}")

    def _check_decoded(self, reply: dict[str, Any], what: str) -> None:
        vector = self._vector
        if ("value" in reply) == ("fault" in reply):
            raise NotPassed("garbage", f"{what}: neither value nor fault: {_said(reply)}")
        if "value" in reply:
            if vector.expect == "reject":
                raise NotPassed("failed", f"{what}: accepted, not {vector.fault}")
            if vector.value is not None:
                self._check_same(reply["value"], vector.value, what)
            return
        if vector.expect == "accept":
            raise NotPassed("failed", f"{what}: {_said(reply)}, not accepted")
        if reply["fault"] == "refused" and not self._strict:
            note = f"{what}: refused, without telling that it is {vector.fault}"
            self._notes += [] if note in self._notes else [note]
            return
        if vector.fault is not None and reply["fault"] != vector.fault:
            raise NotPassed("failed", f"{what}: {_said(reply)}, not {vector.fault}")
        if vector.at is not None and reply.get("at") != vector.at:
            message = f"{what}: fault at {reply.get('at')}, not {vector.at}"
            if self._strict:
                raise NotPassed("failed", message)
            self._notes.append(message)

    def _check_same(self, got: Any, expected: Typed, what: str) -> None:
        try:
            right = same(got, expected)
        except (NotTyped, KeyError) as error:
            raise NotPassed("garbage", f"{what}: {error}") from None
        if not right:
            raise NotPassed("failed", f"{what}: {_short(got)}, not {_short(expected)}")

    # Encoding

    def _judge_encoding(self, value: Typed) -> None:
        vector = self._vector
        for command in ("canonical", "encode"):
            reply = self._send(cmd=command, value=value)
            self._check_form(reply, command)
            if "wire" in reply and vector.expect == "reject":
                raise NotPassed("failed", f"{command}: gave {_short(reply['wire'])}, not refused")
            if "fault" in reply:
                if vector.expect == "accept":
                    raise NotPassed("failed", f"{command}: {_said(reply)}, not encoded")
                self._check_unencodable(reply, command)
        if vector.canonical is not None and "wire" in reply:
            self._judge_encoder(value, b"")

    def _judge_encoder(self, value: Typed, known: bytes) -> None:
        """Check both encodings of `value`; `known` octets are known to decode to it."""
        canonical = self._vector.canonical
        if canonical is None:
            for command in ("canonical", "encode"):
                reply = self._send(cmd=command, value=value)
                self._check_form(reply, command)
                if "wire" in reply:
                    raise NotPassed("failed", f"{command}: encoded what must be refused")
                self._check_unencodable(reply, command)
            return
        written = self._encode("canonical", value)
        self._check_octets("canonical", written, canonical)
        free = self._encode("encode", value)
        if not is_free(value):
            self._check_octets("encode", free, canonical)
        for written in dict.fromkeys((canonical, free)):
            if written != known:
                what = "decode what was encoded"
                reply = self._send(cmd="decode", wire=written.hex())
                if "value" not in reply:
                    raise NotPassed("failed", f"{what}: {_said(reply)}")
                self._check_same(reply["value"], value, what)

    def _encode(self, command: str, value: Typed) -> bytes:
        reply = self._send(cmd=command, value=value)
        self._check_form(reply, command)
        if "fault" in reply:
            raise NotPassed("failed", f"{command}: {_said(reply)}, not encoded")
        try:
            return bytes.fromhex(reply["wire"])
        except (TypeError, ValueError):
            message = f"{command}: not hexadecimal: {_short(reply['wire'])}"
            raise NotPassed("garbage", message) from None

    def _check_octets(self, command: str, got: bytes, expected: bytes) -> None:
        if got != expected:
            raise NotPassed("failed", f"{command}: {_short(got)}, not {_short(expected)}")

    def _check_form(self, reply: dict[str, Any], command: str) -> None:
        if ("wire" in reply) == ("fault" in reply):
            raise NotPassed("garbage", f"{command}: neither wire nor fault: {_said(reply)}")

    def _check_unencodable(self, reply: dict[str, Any], command: str) -> None:
        if reply["fault"] not in ("unencodable", "refused"):
            raise NotPassed("failed", f"{command}: {_said(reply)}, not unencodable")

    # Both

    def _send(self, **request: object) -> dict[str, Any]:
        reply = self._ask(**request)
        # Nothing is lost where nothing is demanded, or where a language has no such value.
        free = self._vector.expect == "either" or self._vector.encode is not None
        _look(reply, fails=not free)
        return reply


def _look(reply: dict[str, Any], *, fails: bool) -> None:
    if "errored" in reply:
        raise NotPassed("errored", str(reply["errored"]))
    if "skipped" in reply:
        raise NotPassed("skipped", str(reply["skipped"]), fails=fails)


def is_free(value: Typed) -> bool:
    """Tell whether an encoder has a choice: a dict, set or blob is somewhere in the value."""
    if value["type"] in ("dict", "set", "blob"):
        return True
    inner = [*value.get("items", ()), *(part for pair in value.get("pairs", ()) for part in pair)]
    inner += [value[name] for name in ("attributes", "content") if name in value]
    if value["type"] == "list" and "repeat" in value:
        inner.append(value["repeat"])
    return any(map(is_free, inner))


def _said(reply: dict[str, Any]) -> str:
    if "fault" not in reply:
        return _short(reply)
    at = f" at {reply['at']}" if "at" in reply else ""
    message = f" ({reply['message']})" if "message" in reply else ""
    return _short(f"{reply['fault']}{at}{message}")


def _short(what: object) -> str:
    text = what.decode("latin-1") if isinstance(what, bytes) else str(what)
    return text if len(text) <= 160 else f"{text[:100]}…{text[-50:]}"
