"""Declaring: the kinds of custom events, and the refusal of what does not fit its schema."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Any, Final

import jsonschema_rs
import msgspec
from msgspec import Meta

from domain.custom import SCHEMA_LENGTH_MAX, CustomKind, CustomKindDeclared, CustomRecorded
from domain.decision import Command, Reaction, Slice, View, on
from domain.envelope import Envelope
from domain.errors import InvalidEvent, RuleError
from domain.types import Text

SCHEMAS_CACHED_MAX: Final = 1_000
LINEAR: Final = jsonschema_rs.RegexOptions()
"""Patterns take time in proportion to the text: they run while the ledger is locked."""


class SchemaInvalid(RuleError):
    """This is no JSON Schema, or one that speaks of another document: nothing is ever fetched."""


class CustomDoesNotFit(InvalidEvent):
    """The attributes do not fit the JSON Schema that was declared for this kind of event."""


@lru_cache(maxsize=SCHEMAS_CACHED_MAX)
def validator_of(json_schema: str) -> Any:
    """What checks attributes by a JSON Schema. Raises SchemaInvalid."""
    try:
        schema = msgspec.json.decode(json_schema)
        return jsonschema_rs.validator_for(
            schema, offline=True, pattern_options=LINEAR, mask="it", validate_formats=True
        )
    except (msgspec.DecodeError, ValueError, TypeError) as error:
        said = str(error).partition("\n")[0]
        raise SchemaInvalid(f"json_schema: {said}") from None


class DeclaredKind(View):
    """The schema of a kind of custom event as of now. Tag: ``kind:<name>``."""

    json_schema: str | None = None

    @on(CustomKindDeclared)
    def _(self, event: CustomKindDeclared, envelope: Envelope) -> None:
        self.json_schema = event.json_schema


class DeclareCustomKind(Command, frozen=True, kw_only=True):
    """Declare a kind of custom event, or declare it anew, with a JSON Schema of its attributes.

    From here on what does not fit is refused. What was recorded before stays as it is.
    """

    kind: CustomKind
    description: Text | None = None
    json_schema: Annotated[str, Meta(min_length=2, max_length=SCHEMA_LENGTH_MAX)]
    """JSON Schema 2020-12, or the draft that it names, as text."""


class DeclaringCustomKind(Slice, decides=DeclareCustomKind, reads=(DeclaredKind,)):
    """A kind is declared as often as its form changes; each schema is one."""

    def __init__(self, command: DeclareCustomKind, command_id: str) -> None:
        super().__init__(command, command_id)
        self.view(DeclaredKind, f"kind:{command.kind}")

    def execute(self) -> None:
        """Declare it, if its schema is one."""
        command: DeclareCustomKind = self.command
        validator_of(command.json_schema)
        self.trigger(
            CustomKindDeclared(
                kind=command.kind,
                description=command.description,
                json_schema=command.json_schema,
            )
        )


class Fitting(Reaction, reacts_to=CustomRecorded, reads=(DeclaredKind,)):
    """A custom event of a declared kind fits its schema, or is not recorded.

    A kind that was never declared takes any attributes.
    """

    def __init__(self, event: CustomRecorded) -> None:
        super().__init__(event)
        self.kind = self.view(DeclaredKind, f"kind:{event.kind}")

    def execute(self) -> None:
        """Refuse what does not fit, naming the place and what would be right."""
        if self.kind.json_schema is None:
            return
        for error in validator_of(self.kind.json_schema).iter_errors(self.event.attributes):
            place = "/".join(["attributes", *map(str, error.instance_path)])
            raise CustomDoesNotFit(f"{place.replace('/', '.')}: {error.message}")
