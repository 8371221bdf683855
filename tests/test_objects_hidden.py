"""What a class keeps from callers: attributes by name, and its constructor."""

from __future__ import annotations

from typing import Any

import pytest
from object_help import ask, local, serve

import hyperglyph as glyph


def test_attributes_hidden_by_name() -> None:
    @glyph.hidden("password", "salt")
    class Account:
        def __init__(self, name: str, password: str) -> None:
            self.name, self.password, self.salt = name, password, 1

    @glyph.hidden("colour")
    class Coloured(Account):
        colour = "red"

    root = local(serve(Account, Coloured))
    assert set(root.Account("a", "b")) == {"name"}
    assert set(root.Coloured("a", "b")) == {"name"}


@glyph.hidden
class Ticket:
    """Only the service makes these."""

    def __init__(self, number: int) -> None:
        self.number = number

    def next(self) -> Ticket:
        return Ticket(self.number + 1)


class Discount(Ticket):
    """Hidden like its base."""


def test_a_hidden_class_has_no_constructor_for_callers(caplog: pytest.LogCaptureFixture) -> None:
    def buy() -> Ticket:
        return Ticket(7)

    def give(ticket: Ticket) -> Any:
        return ticket.number

    def constructor() -> Any:
        return Ticket

    def form() -> Any:
        return glyph.form(Ticket)

    router = serve(Ticket, Discount, buy, give, constructor, form)
    root = local(router)
    assert list(root) == ["buy", "give", "constructor", "form"]
    for name in ("Ticket", "Discount"):
        for method in ("GET", "POST"):
            assert ask(router, method, f"/{name}", {"number": 1}).status == 404
    for call in (root.constructor, root.form):
        caplog.clear()
        with pytest.raises(glyph.ServerError):
            call()
        assert "which is not registered, or is hidden" in caplog.text
    # All else is as ever.
    ticket = root.buy()
    assert (ticket.number, ticket.next().number, root.give(ticket)) == (7, 8, 7)
    assert glyph.reload(ticket) == ticket
