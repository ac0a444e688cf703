"""Sealing Structs: what is marked on the fields of events and commands, done to their values."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from typing import Any, Final, NamedTuple, Protocol, cast

import msgspec

from domain.decision import Command
from domain.errors import FilrougeError, InvalidEvent
from domain.event import Event, Observation
from domain.shape import Marked, Shape, replaced_at, shape_of, subject_tag, value_at
from store.digests import SUBJECT_KINDS, Asked, digest_text
from store.sealing import Binding, SubjectErased, refuse_sealed, seal_text, withheld_text

MEMBER: Final = "member"


class Plan(NamedTuple):
    """What is to be done with instances of one Struct class."""

    shape: Shape
    event_type: str
    """The stored name that personal fields are sealed for."""
    minted: frozenset[str]
    """Subject fields that are themselves filled in from a digest, so not known at first."""
    sealed_if: tuple[tuple[tuple[str, ...], ...], ...]
    """Where all fields of one of these are there, something is sealed, digested or filled in."""

    @property
    def nothing(self) -> bool:
        """Whether instances have nothing personal and pass as they are."""
        return not (self.shape.personal or self.shape.digested)


@cache
def plan_of(struct: type[msgspec.Struct], as_type: type[Event] | None) -> Plan:
    """Look once at a class: its marked fields, and the event type that they are sealed for."""
    shape = shape_of(struct)
    target: type | None = as_type or struct
    if as_type is None and issubclass(struct, Command):
        target = struct.seals_as
    name = getattr(target, "type_name", "")
    if shape.personal and not name:
        message = f"{struct.__name__} has personal fields and does not say which event seals them"
        raise TypeError(message)
    filled = {".".join(marked.path) for marked in shape.digested if marked.mark[1]}
    minted = frozenset(filled & {marked.mark for marked in shape.personal})
    personal = [(marked.path,) for marked in shape.personal]
    digested = [_sources_of(marked) for marked in shape.digested]
    return Plan(shape, name, minted, (*personal, *digested))


def _sources_of(digested: Marked) -> tuple[tuple[str, ...], ...]:
    """The fields that a digest is made of: the others that it names, or itself."""
    _, sources = digested.mark
    return tuple(tuple(source.split(".")) for source in sources) or (digested.path,)


def is_sealed(struct: msgspec.Struct) -> bool:
    """Whether the vault has something to do with it; if not, it passes as it is."""
    for paths in plan_of(type(struct), None).sealed_if:
        for path in paths:
            value = value_at(struct, path)
            if value is None or (not value and value != ""):
                break
        else:
            return True
    return False


class Keeper(Protocol):
    """What sealing asks of the vault."""

    ledger_id: str

    def keys_of(self, subjects: set[str], *, also: Collection[str] = ()) -> dict[str, bytes | None]:
        """The key of each subject, made if need be; None for one that was erased.

        Of those that are asked ``also``, no key is made.
        """

    def digest_key(self) -> bytes:
        """What look-up digests are keyed with."""

    def ids_of(self, asked: Sequence[Asked]) -> dict[bytes, str]:
        """The one id for each digest, made if need be."""


class Sealer:
    """Seals many Structs at once, so that the vault is asked a few times and not once for each.

    A struct that is refused gives way to its error in ``done``, and the others go on.
    """

    def __init__(
        self, vault: Keeper, structs: Sequence[msgspec.Struct], as_type: type[Event] | None
    ) -> None:
        self.vault = vault
        self.done: list[Any] = list(structs)
        self.plans = [plan_of(type(struct), as_type) for struct in structs]
        self.keys: dict[str, bytes | None] = {}

    def seal(self) -> list[Any]:
        """Seal all of them; an erased subject is refused before anything is kept about it."""
        if all(plan.nothing for plan in self.plans):
            return self.done
        self._fetch_keys(minted=False)
        self._fill_ids(minted=True)  # an id that is a subject, before the ids that speak of it
        self._fill_ids(minted=False)
        self._fetch_keys(minted=True)
        self._each(self._sealed)
        return self.done

    def _each(self, change: Callable[[Any, Plan], Any]) -> None:
        for index, plan in enumerate(self.plans):
            if not plan.nothing and not isinstance(self.done[index], FilrougeError):
                try:
                    self.done[index] = change(self.done[index], plan)
                except FilrougeError as error:
                    self.done[index] = error

    def _fetch_keys(self, *, minted: bool) -> None:
        wanted: set[str] = set()
        members: set[str] = set()

        def collect(struct: Any, plan: Plan) -> Any:
            for value in _personal_values(struct, plan):
                if (value.subject_field in plan.minted) == minted:
                    subject = _subject(struct, value.subject_field)
                    wanted.add(subject)
                    members.update(_members(struct, plan, subject))
            return struct

        self._each(collect)
        if not wanted:
            return
        self.keys |= self.vault.keys_of(wanted, also=members)

        def refuse_erased(struct: Any, plan: Plan) -> Any:
            for value in _personal_values(struct, plan):
                if (value.subject_field in plan.minted) == minted:
                    self._key(struct, plan, value.subject_field)
            return struct

        self._each(refuse_erased)

    def _key(self, struct: Any, plan: Plan, subject_field: str) -> bytes | None:
        """The key that seals a value; None: it is withheld, since it is about an erased person.

        What was observed is recorded all the same; what is decided needs the person.
        """
        subject = _subject(struct, subject_field)
        key = self.keys[subject]
        if any(self.keys.get(one, b"") is None for one in _members(struct, plan, subject)):
            key = None
        if key is None and not isinstance(struct, Observation):
            raise SubjectErased(subject=subject)
        return key

    def _fill_ids(self, *, minted: bool) -> None:
        wanted: list[tuple[int, Marked, Asked]] = []
        for index, plan in enumerate(self.plans):
            if not plan.shape.digested or isinstance(self.done[index], FilrougeError):
                continue
            try:
                wanted += [
                    (index, marked, asked)
                    for marked, asked in self._digests_of(index, plan, minted=minted)
                ]
            except FilrougeError as error:
                self.done[index] = error
        if wanted:
            ids = self.vault.ids_of([asked for _, _, asked in wanted])
            for index, marked, asked in wanted:
                self.done[index] = replaced_at(self.done[index], marked.path, ids[asked.digest])

    def _digests_of(self, index: int, plan: Plan, *, minted: bool) -> list[tuple[Marked, Asked]]:
        """Replace what is digested in place; return which ids are to be filled in."""
        wanted = []
        key = self.vault.digest_key()
        for marked in plan.shape.digested:
            kind, sources = marked.mark
            struct, name = self.done[index], ".".join(marked.path)
            if (name in plan.minted) != minted:
                continue
            value = value_at(struct, marked.path)
            if not sources:
                if value is not None:
                    refuse_sealed(value, name)
                    text = digest_text(key, kind, value)
                    self.done[index] = replaced_at(struct, marked.path, text)
                continue
            values = [value_at(struct, tuple(source.split("."))) for source in sources]
            if None in values or self._withheld(struct, plan, sources):
                continue
            if value is not None:
                raise InvalidEvent(
                    f"{name} is filled in from {' and '.join(sources)}: leave it out"
                )
            for source, text in zip(sources, values, strict=True):
                refuse_sealed(text, source)
            subjects = _subjects_of(struct, plan, sources, but=name)
            wanted.append((marked, Asked.of(key, kind, values, subjects)))
        return wanted

    def _withheld(self, struct: Any, plan: Plan, sources: tuple[str, ...]) -> bool:
        """Whether an id would be made of a value that is withheld: then nobody is recognised."""
        return any(
            self._key(struct, plan, value.subject_field) is None
            for value in _personal_values(struct, plan)
            if ".".join(value.path) in sources and value.subject_field not in plan.minted
        )

    def _sealed(self, struct: Any, plan: Plan) -> Any:
        for value in _personal_values(struct, plan):
            subject = _subject(struct, value.subject_field)
            key = self._key(struct, plan, value.subject_field)
            bound = [(Binding(plan.event_type, name, subject), text) for name, text in value.named]
            sealed = [
                withheld_text(binding)
                if key is None
                else seal_text(key, self.vault.ledger_id, binding, text)
                for binding, text in bound
            ]
            struct = replaced_at(struct, value.path, value.together(sealed))
        return struct


class _PersonalValue(NamedTuple):
    path: tuple[str, ...]
    subject_field: str
    named: list[tuple[str, str]]
    """Each text with the name of its place."""
    together: Callable[[list[str]], Any]
    """Puts the texts together again as the field's value."""


def _personal_values(struct: Any, plan: Plan) -> Iterator[_PersonalValue]:
    """Each personal field that is there: one text, or a dict or a list of texts."""
    for marked in plan.shape.personal:
        value = value_at(struct, marked.path)
        name = ".".join(marked.path)
        if isinstance(value, str):
            yield _PersonalValue(marked.path, marked.mark, [(name, value)], _the_only)
        elif value and isinstance(value, dict):
            named = [(f"{name}.{key}", text) for key, text in value.items()]
            keys = tuple(value)
            yield _PersonalValue(marked.path, marked.mark, named, _as_dict(keys))
        elif value:
            named = [(name, text) for text in value]
            yield _PersonalValue(marked.path, marked.mark, named, tuple)


def _the_only(texts: list[str]) -> str:
    return texts[0]


def _as_dict(keys: tuple[str, ...]) -> Callable[[list[str]], dict[str, str]]:
    return lambda texts: dict(zip(keys, texts, strict=True))


def _subject(struct: Any, subject_field: str) -> str:
    subject = subject_tag(type(struct), struct, subject_field)
    if subject is None:
        raise InvalidEvent(f"{subject_field} is missing: a personal value says whose it is")
    return subject


def _members(struct: Any, plan: Plan, subject: str) -> Iterator[str]:
    """The members whose erasure reaches a value, beside its subject: whose purchase it is."""
    if subject.partition(":")[0] in SUBJECT_KINDS:
        return
    for marked in plan.shape.tags:
        if marked.mark == MEMBER and len(marked.path) == 1 and not marked.many:
            value = getattr(struct, marked.path[0])
            if value is not None:
                yield f"{MEMBER}:{value}"


def _subjects_of(struct: Any, plan: Plan, sources: tuple[str, ...], *, but: str) -> frozenset[str]:
    """Whose erasure also takes the digest: the subjects of the personal values it is made of."""
    return frozenset(
        _subject(struct, cast("str", marked.mark))
        for marked in plan.shape.personal
        if ".".join(marked.path) in sources and marked.mark != but
    )
