"""The steps of a scenario, made with a client of this package (spec/testee.md, "Steps")."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import hyperglyph as glyph
from hyperglyph.client.calls import Call
from hyperglyph.client.proxies import Proxy
from hyperglyph.transport.http.shapes import is_list

from ..typed import NotTyped, Typed, from_json
from .described import described

_MISSING: Final = object()


class _NoResult(Exception):
    """An earlier result, which the step needs, is not there."""


class _Unusable(Exception):
    """What is to be called or read is not there, or cannot be."""


class _Wrong(Exception):
    """The arguments of a call do not fit."""


class Performed:
    """Makes steps with one client of either kind; what a call gives is awaited where it has to be.

    With a `Client` nothing waits, so its coroutines run without an event loop.
    """

    def __init__(self, client: glyph.Client | glyph.AsyncClient) -> None:
        self._client = client
        self._held: dict[str, Any] = {}

    async def all(self, steps: Sequence[Typed]) -> list[dict[str, Any]]:
        """The result of each step. Sequences that are left over are ended."""
        try:
            return [await self._result(step) for step in steps]
        finally:
            for value in self._held.values():
                await _end(value)

    async def _result(self, step: Typed) -> dict[str, Any]:
        try:
            value = await self._step(step)
        except _NoResult as error:
            return {"skipped": str(error)}
        except Exception as error:  # noqa: BLE001 - told apart there
            return failure(error)
        if "as" in step:
            self._held[step["as"]] = value
        return {"value": described(value)}

    async def _step(self, step: Typed) -> Any:
        op = step["op"]
        if op == "get":
            return await _awaited(self._client.get(step["url"]))
        value = self._earlier(step["on"])
        if op == "take":
            return await _take(value, step.get("count"))
        if op == "end":
            return await _end(value)
        value = await _member(value, step.get("member", ()))
        if op == "call":
            return await self._call(value, step)
        if op == "read":
            return value
        if op == "url":
            return glyph.url_of(value)
        if op == "content":
            return value.content if isinstance(value, glyph.Extension) else glyph.content_of(value)
        raise NotImplementedError(f"no such step: {op}")

    async def _call(self, value: Any, step: Typed) -> Any:
        arguments = [self._argument(typed) for typed in step.get("arguments", ())]
        named = {name: self._argument(typed) for name, typed in step.get("named", {}).items()}
        if not isinstance(value, Proxy) or not callable(value):
            raise _Unusable(f"{type(value).__name__} cannot be called")
        try:
            return await _awaited(value(*arguments, **named))
        except TypeError as error:
            raise _Wrong(str(error)) from error

    def _argument(self, typed: Typed) -> Any:
        """A value, in which earlier results may stand in lists and dicts."""
        kind = typed.get("type")
        if kind == "result":
            return self._earlier(typed["name"])
        if kind == "list" and "items" in typed:
            return [self._argument(item) for item in typed["items"]]
        if kind in ("dict", "ordered_dict"):
            empty = from_json({**typed, "pairs": []})
            keys = from_json(
                {**typed, "pairs": [[key, {"type": "nil"}] for key, _ in typed["pairs"]]}
            )
            held = [self._argument(value) for _, value in typed["pairs"]]
            empty.update(zip(keys, held, strict=True))
            return empty
        return from_json(typed)

    def _earlier(self, name: str) -> Any:
        value = self._held.get(name, _MISSING)
        if value is _MISSING:
            raise _NoResult(f"there is no result {name!r}")
        return value


def failure(error: Exception) -> dict[str, Any]:
    """The result of a step that has raised. What is not the client's to raise, is raised again."""
    message = f"{type(error).__name__}: {error}"
    if isinstance(error, glyph.RemoteError):
        return _status(error)
    if isinstance(error, glyph.TransportError):
        kind = "timeout" if isinstance(error, glyph.DeadlineExceeded) else "transport"
        return {"error": kind, "outcome": error.outcome, "message": message}
    if isinstance(error, glyph.DecodeError):
        return {"error": "malformed", "message": message}
    if isinstance(error, _Wrong | glyph.EncodeError):
        return {"error": "arguments", "message": message}
    if isinstance(error, ValueError | _Unusable) and not isinstance(error, NotTyped):
        return {"error": "unusable", "message": message}
    raise error


def _status(error: glyph.RemoteError) -> dict[str, Any]:
    told: dict[str, Any] = {
        "error": "status",
        "status": error.status,
        "message": error.message,
        "logref": error.logref,
        "content": described(error.data),
    }
    if error.code is not None:
        told["code"] = described(error.code)
    return told


async def _awaited(value: Any) -> Any:
    return await value if isinstance(value, Call) else value


async def _member(value: Any, way: Sequence[str | int]) -> Any:
    for step in way:
        if isinstance(value, glyph.Extension):
            value = value.content
        try:
            value = await _awaited(value[step])
        except (KeyError, IndexError, TypeError) as error:
            raise _Unusable(f"there is no {step!r}") from error
    return value


async def _take(value: Any, count: int | None) -> list[Any]:
    """So many items, or all there are; of a list those at its front, which are then gone."""
    items: list[Any] = []
    if is_list(value):
        size = len(value) if count is None else count
        items, value[:size] = value[:size], []
    elif isinstance(value, glyph.Items):
        walk: Iterator[Any] = iter(value)
        while count is None or len(items) < count:
            item = next(walk, _MISSING)
            if item is _MISSING:
                break
            items.append(item)
    elif isinstance(value, glyph.AsyncItems):
        while count is None or len(items) < count:
            try:
                items.append(await anext(value))
            except StopAsyncIteration:
                break
    else:
        raise _Unusable(f"{type(value).__name__} has no items")
    return items


async def _end(value: Any) -> None:
    if isinstance(value, glyph.Items):
        value.close()
    elif isinstance(value, glyph.AsyncItems):
        await value.aclose()
