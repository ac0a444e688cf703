"""Retention: how long data about people of each status is kept, and for what purpose."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from msgspec import Meta

from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.event import Decided, event_type
from domain.types import ID, PurposeID, Text

RETENTION_DAYS_MAX: Final = 36_500

Status = Literal["visitor", "prospect", "member", "former_member"]
"""Seen without a name; named by a member; enrolled; whose membership ended."""
Days = Annotated[int, Meta(ge=0, le=RETENTION_DAYS_MAX)]


@event_type("retention.declared.v1")
class RetentionDeclared(Decided, frozen=True, kw_only=True):
    """How long data about people of a status is kept for a purpose, from here on.

    It counts from the last contact, for a former member from the end of the membership. What falls
    due is listed, and erased when somebody orders it.
    """

    purpose_id: PurposeID
    """What the data is kept for: ``marketing``, ``accounting``, ``claims``."""
    status: Status
    days: Days | None = None
    """None: it is not kept for this purpose any more, and no longer holds anything back."""
    justification: Text
    """Why so long: the law, or the reasoning."""
    approved_by: ID | None = None


class PeriodUnchanged(RuleError):
    """This period is in force already; nothing would change."""


class RetentionPeriods(View):
    """The periods of a purpose, by status. Tag: ``purpose:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.days: dict[str, int] = {}

    @on(RetentionDeclared)
    def _(self, event: RetentionDeclared, envelope: Envelope) -> None:
        if event.days is None:
            self.days.pop(event.status, None)
        else:
            self.days[event.status] = event.days


class DeclareRetention(Command, frozen=True, kw_only=True):
    """Say how long data about people of a status is kept for a purpose."""

    purpose_id: PurposeID
    status: Status
    days: Days | None = None
    justification: Text
    approved_by: ID | None = None


class DeclaringRetention(Slice, decides=DeclareRetention, reads=(RetentionPeriods,)):
    """A period is declared when it changes."""

    def __init__(self, command: DeclareRetention, command_id: str) -> None:
        super().__init__(command, command_id)
        self.periods = self.view(RetentionPeriods, f"purpose:{command.purpose_id}")

    def execute(self) -> None:
        """Declare it, unless it is so already."""
        command: DeclareRetention = self.command
        if self.periods.days.get(command.status) == command.days:
            raise PeriodUnchanged(purpose_id=command.purpose_id, status=command.status)
        self.trigger(
            RetentionDeclared(
                purpose_id=command.purpose_id,
                status=command.status,
                days=command.days,
                justification=command.justification,
                approved_by=command.approved_by,
            )
        )
