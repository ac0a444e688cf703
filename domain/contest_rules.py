"""Rules of contests: the document that says who may take part, where, and what can be won."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import msgspec
from msgspec import Meta

from domain.activations import (
    PRIZES_MAX,
    ActivationNotAdded,
    ActivationTerms,
    ContestRulesPublished,
    Prize,
)
from domain.decision import Command, Slice, View, on
from domain.envelope import Envelope
from domain.errors import RuleError
from domain.types import ActivationID, Country, Digest, Language, Name, Text, Version


class RulesVersionPublished(RuleError):
    """This version of the contest's rules is published: a changed text is another version."""


class RulesNotPublished(RuleError):
    """This version of the contest's rules was not published: publish it first."""


class PrizeWithoutCurrency(RuleError):
    """A prize that has a value says in which currency, and all of one contest say the same."""


class ContestRules(View):
    """Every version of a contest's rules. Tag: ``activation:<id>``."""

    def __init__(self, *tags: str) -> None:
        super().__init__(*tags)
        self.versions: dict[int, ContestRulesPublished] = {}

    @on(ContestRulesPublished)
    def _(self, event: ContestRulesPublished, envelope: Envelope) -> None:
        self.versions.setdefault(event.rules_version, event)

    def require(self, version: int) -> ContestRulesPublished:
        """The rules of a version; refuse when they were not published."""
        found = self.versions.get(version)
        if found is None:
            raise RulesNotPublished(activation=self.tags[0], rules_version=version)
        return found


class PublishContestRules(Command, frozen=True, kw_only=True):
    """Publish the rules of a contest: their hash, whom they admit, and what can be won."""

    activation_id: ActivationID
    rules_version: Version
    digest: Digest
    """SHA-256 of the document, in base64url."""
    language: Language
    jurisdiction: Country
    eligibility: Text | None = None
    prizes: Annotated[tuple[Prize, ...], Meta(max_length=PRIZES_MAX)] = ()
    """What can be won, the first prize first."""
    deposit_reference: Name | None = None
    free_entry: Text | None = None
    """How to take part without buying anything, where the law asks for it."""


class PublishingContestRules(
    Slice, decides=PublishContestRules, reads=(ActivationTerms, ContestRules)
):
    """A version of a contest's rules is published once, for an activation that exists."""

    def __init__(self, command: PublishContestRules, command_id: str) -> None:
        super().__init__(command, command_id)
        tag = f"activation:{command.activation_id}"
        self.terms = self.view(ActivationTerms, tag)
        self.rules = self.view(ContestRules, tag)

    def execute(self) -> None:
        """Publish them."""
        command: PublishContestRules = self.command
        if self.terms.campaign_id is None:
            raise ActivationNotAdded(activation_id=command.activation_id)
        if command.rules_version in self.rules.versions:
            raise RulesVersionPublished(rules_version=command.rules_version)
        priced = [prize.currency for prize in command.prizes if prize.value is not None]
        if None in priced or len(Counter(priced)) > 1:
            raise PrizeWithoutCurrency(currencies=sorted(set(map(str, priced))))
        fields = msgspec.structs.asdict(command) | {"campaign_id": self.terms.campaign_id}
        del fields["time"]
        self.trigger(ContestRulesPublished(**fields))
