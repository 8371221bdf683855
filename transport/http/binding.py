"""Arguments bound to names, by Python's rules, on both sides of a call.

The caller binds to the inputs of a form, before any request is made; the server binds what came
by name to the parameters of a function, before it is called.

Standard, section 16.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, cast

import attrs

from hyperglyph.codec.hypermedia import MISSING, Input

from .status import BadRequest

__all__ = ["MAX_ARGUMENTS", "Parameters", "bind_arguments", "signature_of"]

#: No function of people has more; a form with a million inputs is an attack.
MAX_ARGUMENTS: Final = 100

#: A client binds to the form before it sends: what then does not bind was a form of yesterday.
_HELD: Final = "; if the form is from before a deploy, reload the page that it is on"


def _is_positional(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name)


def _required(entry: Input) -> bool:
    """REQ-INPUT-6."""
    return entry.value is MISSING and not entry.optional


def _positional_inputs(inputs: Sequence[Input]) -> Sequence[Input]:
    """Those that can be given by position: identifiers, up to a required one after a default.

    REQ-ARG-10.
    """
    seen_default = False
    for index, entry in enumerate(inputs):
        if not _is_positional(entry.label) or (seen_default and _required(entry)):
            return inputs[:index]
        seen_default = seen_default or not _required(entry)
    return inputs


def signature_of(inputs: Sequence[Input]) -> inspect.Signature:
    """The signature of the callable that a form becomes.

    An input that is optional without a value shows the default `...`. Names that are no
    identifiers are left out; they can be given as `form(**{"@x": 1})`. REQ-INPUT-4.
    """
    positional = len(_positional_inputs(inputs))
    parameters: list[inspect.Parameter] = []
    for index, entry in enumerate(inputs):
        if not _is_positional(entry.label):
            continue
        default: Any = inspect.Parameter.empty
        if not _required(entry):
            default = ... if entry.value is MISSING else entry.value
        kind = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD
            if index < positional
            else inspect.Parameter.KEYWORD_ONLY
        )
        parameters.append(inspect.Parameter(entry.label, kind, default=default))
    return inspect.Signature(parameters)


def bind_arguments(
    name: str, inputs: Sequence[Input], args: Sequence[Any], kwargs: Mapping[str, Any]
) -> list[tuple[str, Any]]:
    """Bind a call's arguments to the inputs of a form: (name, value) in the order of the inputs.

    A default that travelled is sent back as it stands in the form; what is optional and not given,
    or given as the `...` that the signature shows, is left out. Raises TypeError as a call of a
    Python function does. REQ-ARG-1 to REQ-ARG-5 and REQ-FORM-6.
    """
    positional = _positional_inputs(inputs)
    if len(args) > len(positional):
        takes = f"{len(positional)} positional argument{'' if len(positional) == 1 else 's'}"
        given = f"{len(args)} {'was' if len(args) == 1 else 'were'} given"
        raise TypeError(f"{name}() takes {takes} but {given}")
    if len(inputs) > MAX_ARGUMENTS:
        raise TypeError(f"{name}() has {len(inputs)} inputs, more than {MAX_ARGUMENTS}")
    remaining = dict(kwargs)
    bound: list[tuple[str, Any]] = []
    missing: list[str] = []
    for index, entry in enumerate(inputs):
        label = entry.label
        if index < len(args):
            if label in remaining:
                raise TypeError(f"{name}() got multiple values for argument {label!r}")
            bound.append((label, args[index]))
        elif label in remaining:
            bound.append((label, remaining.pop(label)))
        elif entry.value is not MISSING:
            bound.append((label, entry.value))
        elif not entry.optional:
            missing.append(label)
    if remaining:
        unknown = next(iter(remaining))
        raise TypeError(f"{name}() got an unexpected keyword argument {unknown!r}")
    if missing:
        raise TypeError(_missing_message(name, missing))
    if any(value is ... for _, value in bound):
        absent = {entry.label for entry in inputs if entry.optional and entry.value is MISSING}
        bound = [(label, v) for label, v in bound if v is not ... or label not in absent]
    return bound


def _missing_message(name: str, missing: Sequence[str]) -> str:
    plural = "" if len(missing) == 1 else "s"
    names = ", ".join(map(repr, missing))
    return f"{name}() missing {len(missing)} required argument{plural}: {names}"


@attrs.frozen
class Parameters:
    """The parameters of a function that can be called over the wire: all have a name."""

    name: str
    names: frozenset[str]
    required: tuple[str, ...]
    signature: inspect.Signature

    @classmethod
    def of(cls, name: str, function: Callable[..., Any]) -> Parameters:
        """Read a function's signature.

        Raises TypeError, naming the parameter, for `*args`, `**kwargs` and positional-only
        parameters: a form has no way to offer them.
        """
        try:
            signature = inspect.signature(function)
        except ValueError:
            raise TypeError(
                f"{name}: its signature cannot be read; wrap it in a function"
            ) from None
        refused = {
            inspect.Parameter.VAR_POSITIONAL: "*{} cannot be offered by a form",
            inspect.Parameter.VAR_KEYWORD: "**{} cannot be offered by a form",
            inspect.Parameter.POSITIONAL_ONLY: "{} is positional-only; forms bind by name",
        }
        for parameter in signature.parameters.values():
            if parameter.kind in refused:
                raise TypeError(
                    f"{name}: parameter {refused[parameter.kind].format(parameter.name)}"
                )
        if len(signature.parameters) > MAX_ARGUMENTS:
            raise TypeError(f"{name}: more than {MAX_ARGUMENTS} parameters")
        required = tuple(
            parameter.name
            for parameter in signature.parameters.values()
            if parameter.default is inspect.Parameter.empty
        )
        return cls(name, frozenset(signature.parameters), required, signature)

    def bind(self, body: object) -> dict[str, Any]:
        """The keyword arguments in a request's body. Raises BadRequest if they do not bind.

        REQ-ARG-6 to REQ-ARG-9.
        """
        if not isinstance(body, Mapping):
            raise BadRequest("the body of a form is a dict of arguments by name")
        arguments = cast("Mapping[object, Any]", body)
        if not self.names.issuperset(cast("Iterable[str]", arguments)):
            unknown = next(key for key in arguments if key not in self.names)
            raise BadRequest(f"{self.name}() got an unexpected argument {unknown!r:.100}{_HELD}")
        missing = [name for name in self.required if name not in arguments]
        if missing:
            raise BadRequest(f"{_missing_message(self.name, missing)}{_HELD}")
        return cast("dict[str, Any]", arguments)
