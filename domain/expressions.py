"""Expressions: the conditions and formulae of rules, in CEL, checked before they may run.

A text is checked for its types against what it may speak of, and its parsed form is bounded in
size and in cost, because it runs while the ledger is locked. CEL has no clock, no I/O and no
unbounded loop: the same values always give the same answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from typing import Annotated, Any, Final, Literal, NamedTuple

from cel_expr_python import cel
from msgspec import Meta

from domain.errors import RuleError
from domain.types import LIST_LENGTH_MAX

EXPRESSION_LENGTH_MAX: Final = 1_000
"""Characters of one condition or formula."""
EXPRESSION_COST_MAX: Final = 50_000
"""Steps that one expression may take: a part of it inside a loop over a list that an event brings
counts as often as such a list is long at most."""
EXPRESSIONS_CACHED_MAX: Final = 10_000

Expression = Annotated[str, Meta(min_length=1, max_length=EXPRESSION_LENGTH_MAX)]
"""A text in CEL (https://cel.dev)."""
Result = Literal["bool", "int"]
Variables = Mapping[str, tuple[str, bool]]
"""What an expression may speak of: the CEL type by name, and whether it may be null."""
Values = Mapping[str, Any]
"""What the variables stand for, by name."""

_WRAPPERS: Final = {
    "int": "google.protobuf.Int64Value",
    "string": "google.protobuf.StringValue",
    "bool": "google.protobuf.BoolValue",
    "timestamp": "google.protobuf.Timestamp",
}


class ExpressionInvalid(RuleError):
    """A condition or formula of the rule cannot be used; the answer shows the place of the fault.

    Conditions are true or false, formulae are whole numbers, and both speak only of what is there
    for the rule's trigger.
    """


class ExpressionTooCostly(RuleError):
    """A condition or formula would take too many steps: it runs while the ledger is locked.

    What costs most is a loop inside a loop.
    """


class Fault(NamedTuple):
    """An expression could not be evaluated: a value was missing, or a number was too large."""

    detail: str


class Scope(NamedTuple):
    """What expressions may speak of, in the two forms that checking and running need."""

    name: str
    variables: tuple[tuple[str, str, bool], ...]
    """Name, CEL type, and whether it may be null."""

    def __hash__(self) -> int:
        """By its name: it is looked up with every event, and what it names is long."""
        return hash(self.name)


class Compiled:
    """An expression that was checked."""

    def __init__(
        self,
        program: Any,
        variables: frozenset[str],
        required: Mapping[str, str] | None = None,
        constant: int | None = None,
    ) -> None:
        self._program = program
        self._constant = constant
        self.variables = variables
        """The names of what it speaks of."""
        self.required: Mapping[str, str] = required or {}
        """It is true only where these variables have these values, whatever else it says."""

    def of(self, values: Values) -> Any:
        """Its value; a Fault if there is none."""
        if self._constant is not None:
            return self._constant
        found = self._program.eval(data=values)
        value = found.plain_value()
        if isinstance(value, str) and found.type() == cel.Type.ERROR:
            return Fault(value.removeprefix("INVALID_ARGUMENT: "))
        return value


@cache
def _checking(scope: Scope) -> Any:
    """Knows the real type of what may be null, so that a comparison that makes no sense fails."""
    return cel.NewEnv(
        variables={
            name: cel.Type(_WRAPPERS.get(kind, kind) if nullable else kind)
            for name, kind, nullable in scope.variables
        }
    )


@cache
def running(scope: Scope) -> Any:
    """Takes the values as they are: what may be null is of any type."""
    return cel.NewEnv(
        variables={
            name: cel.Type.DYN if nullable else cel.Type(kind)
            for name, kind, nullable in scope.variables
        }
    )


@lru_cache(maxsize=EXPRESSIONS_CACHED_MAX)
def compiled(scope: Scope, text: str, result: Result) -> Compiled:
    """Check an expression; raises ExpressionInvalid or ExpressionTooCostly."""
    _refuse_wrong_types(scope, text, result)
    program = _compile(running(scope), text)
    tree = _tree_of(program)
    steps = cost(tree)
    if steps > EXPRESSION_COST_MAX:
        raise ExpressionTooCostly(expression=text, steps=steps, steps_max=EXPRESSION_COST_MAX)
    known = {name for name, _, _ in scope.variables}
    constant = int(text) if text.isascii() and text.isdecimal() else None
    spoken = frozenset(known.intersection(_names(tree)))
    return Compiled(program, spoken, dict(_required(tree)), constant)


def _refuse_wrong_types(scope: Scope, text: str, result: Result) -> None:
    found = _compile(_checking(scope), text).return_type().name().lower()
    if found != result:
        wanted = "true or false" if result == "bool" else "a whole number"
        raise ExpressionInvalid(
            f"this gives {found}, and has to give {wanted}: {text}", expression=text
        )


def _compile(environment: Any, text: str) -> Any:
    try:
        return environment.compile(text)
    except (RuntimeError, ValueError, UnicodeError) as error:
        said = str(error).removeprefix("INVALID_ARGUMENT: ").removesuffix(" [INVALID_ARGUMENT]")
        said = said.replace("ERROR: <input>:", "line ").replace(" (in container '')", "")
        raise ExpressionInvalid(said.strip(), expression=text) from None


def together(scope: Scope, texts: Sequence[str]) -> Compiled | None:
    """One expression that gives the list of the values of several; None where they are too long.

    What each evaluation costs beside its steps is paid once.
    """
    try:
        program = running(scope).compile("[" + ",".join(f"(\n{text}\n)" for text in texts) + "]")
    except RuntimeError:
        return None
    return Compiled(program, frozenset())


# --- The parsed form, as the library serialises it: cel.expr.CheckedExpr of cel-spec --------------

Node = Mapping[int, list[Any]]
_EXPR_FIELD: Final = 4
_CONST, _STRING_VALUE = 3, 6
_IDENT, _SELECT, _CALL, _LIST, _MAP, _LOOP = 4, 5, 6, 7, 8, 9
_BELOW: Final = {
    _SELECT: (1,),  # operand
    _CALL: (1, 3),  # target, arguments
    _LIST: (1,),  # elements
    _LOOP: (2, 4, 5, 6, 7),  # range, start, condition, step, result
}
_ENTRIES, _KEY_OF_ENTRY, _VALUE_OF_ENTRY = 2, 3, 4
_RANGE, _REPEATED = 2, (5, 6)
_FUNCTION, _ARGUMENTS = 2, 3


def _tree_of(program: Any) -> Node:
    [checked] = _fields(program.serialize())[2]
    [expression] = _fields(checked)[_EXPR_FIELD]
    return _fields(expression)


def _below(node: Node) -> Iterator[tuple[int, int, Node]]:
    """The expressions directly inside of one: of which kind it is, in which role, and the node."""
    for kind, roles in _BELOW.items():
        for inner in node.get(kind, ()):
            parts = _fields(inner)
            for role in roles:
                for part in parts.get(role, ()):
                    yield kind, role, _fields(part)
    for inner in node.get(_MAP, ()):
        for entry in _fields(inner).get(_ENTRIES, ()):
            parts = _fields(entry)
            for role in (_KEY_OF_ENTRY, _VALUE_OF_ENTRY):
                for part in parts.get(role, ()):
                    yield _MAP, role, _fields(part)


def cost(node: Node) -> int:
    """The steps that an expression takes at most."""
    inside = list(_below(node))
    times = 1
    for kind, role, part in inside:
        if kind == _LOOP and role == _RANGE:
            literal = part.get(_LIST)
            elements = _fields(literal[0]).get(1, []) if literal else None
            times = LIST_LENGTH_MAX if elements is None else len(elements)
    return 1 + sum(
        cost(part) * (times if kind == _LOOP and role in _REPEATED else 1)
        for kind, role, part in inside
    )


def _names(node: Node) -> Iterator[str]:
    yield from _name(node)
    for _, _, part in _below(node):
        yield from _names(part)


def _required(node: Node) -> Iterator[tuple[str, str]]:
    """The variables that have to equal a text for the expression to be true, each with its text.

    ``false && <error>`` is false: no other part of the conjunction could make it anything else.
    """
    for call in node.get(_CALL, ()):
        parts = _fields(call)
        [function] = parts.get(_FUNCTION, [b""])
        arguments = [_fields(one) for one in parts.get(_ARGUMENTS, ())]
        if function == b"_&&_":
            for one in arguments:
                yield from _required(one)
        elif function == b"_==_":
            names = [name for one in arguments for name in _name(one)]
            texts = [text for one in arguments for text in _text(one)]
            if len(names) == len(texts) == 1:
                yield names[0], texts[0]


def _name(node: Node) -> Iterator[str]:
    for ident in node.get(_IDENT, ()):
        yield from (name.decode() for name in _fields(ident).get(1, ()))


def _text(node: Node) -> Iterator[str]:
    for constant in node.get(_CONST, ()):
        yield from (text.decode() for text in _fields(constant).get(_STRING_VALUE, ()))


def _fields(message: bytes) -> dict[int, list[Any]]:
    """The fields of a message in protobuf's wire format, by number."""
    found: dict[int, list[Any]] = {}
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        value: Any
        match key & 7:
            case 0:
                value, at = _varint(message, at)
            case 1:
                value, at = message[at : at + 8], at + 8
            case 2:
                length, at = _varint(message, at)
                value, at = message[at : at + length], at + length
            case _:
                value, at = message[at : at + 4], at + 4
        found.setdefault(key >> 3, []).append(value)
    return found


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        octet = message[at]
        at += 1
        value |= (octet & 127) << shift
        if octet < 128:  # noqa: PLR2004 - the highest bit says that more follows
            return value, at
        shift += 7
