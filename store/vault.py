"""The vault: seals what is personal under its subject's key, and recognises who is meant.

A subject's key is made on first use, once, whoever asks; it is wrapped by an epoch key that the
database never sees. Erasing a subject deletes its key and its digests, for ever. Other processes
may go on using a key that they remember for ``ERASURE_SEEN_SECONDS_MAX``, and no longer.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from domain.errors import FilrougeError
from domain.event import Event
from domain.personal import is_withheld
from store import vault_bundle
from store.digests import Asked, random_id
from store.keys import EpochKeys
from store.remembered import Remembered
from store.sealer import Sealer, plan_of
from store.sealing import REJECTS, SealBroken, open_text, parse_sealed, seal_row
from store.vault_tables import Connect, VaultTables

KEYS_REMEMBERED_MAX: Final = 65_536
DIGESTS_REMEMBERED_MAX: Final = 65_536
ERASURE_SEEN_SECONDS_MAX: Final = 1.0

S = TypeVar("S", bound=msgspec.Struct)


class Vault:
    """The vault of one ledger, in the schema that holds its tables. Safe to share by threads.

    ``connect`` gives a connection as a context manager that commits at the end: the
    ``connection`` of a pool, or a function that connects.
    """

    def __init__(self, connect: Connect, *, schema: str, ledger_id: str, keys: EpochKeys) -> None:
        self.ledger_id = ledger_id
        self.tables = VaultTables(connect, schema=schema, ledger_id=ledger_id, keys=keys)
        self._subject_keys: Remembered[str, bytes | None] = Remembered(KEYS_REMEMBERED_MAX)
        self._ids: Remembered[bytes, tuple[str, frozenset[str]]] = Remembered(
            DIGESTS_REMEMBERED_MAX
        )
        self._digest_key: bytes | None = None
        self._erasures = -1
        self._restricted: frozenset[str] = frozenset()
        self._looked_at: float | None = None

    def seal(self, struct: S, *, as_type: type[Event] | None = None) -> S:
        """Fill in the ids that come from digests, and seal the personal fields.

        A Struct without any is returned as it is. ``as_type`` is the event that the fields end up
        in, if that is neither the Struct nor what its command says.

        Raises:
            InvalidEvent: a value is sealed already, too long, or has no subject; or an id that
                the vault fills in was sent along.
            SubjectErased: it is about somebody who was erased.

        """
        [sealed] = self.seal_many([struct], as_type=as_type)
        if isinstance(sealed, FilrougeError):
            raise sealed
        return sealed

    def seal_many(
        self, structs: Sequence[S], *, as_type: type[Event] | None = None
    ) -> list[S | FilrougeError]:
        """Seal many at once, in a few round trips; one that is refused is its error in the list."""
        if all(plan_of(type(struct), as_type).nothing for struct in structs):
            return list(structs)
        self._forget_if_erased()
        return Sealer(self, structs, as_type).seal()

    def row_sealer(self) -> Callable[[str], str]:
        """What seals the rows that one import rejects of one file, under a key of their own.

        They are as personal as what went in, and nobody knows of whom they speak: so the next
        erasure of anybody destroys the key.
        """
        subject = f"{REJECTS}:{random_id('r')}"
        key = self.keys_of({subject})[subject]
        assert key is not None, "nobody can have erased what nobody knew"
        return lambda text: seal_row(key, self.ledger_id, subject, text)

    def open(self, text: str) -> str | None:
        """Open a sealed text; None: the key of its subject is not there, so nobody can.

        Raises:
            SealBroken: the text is not one that this vault sealed, or it was changed or moved.

        """
        parsed = parse_sealed(text)
        if parsed is None:
            raise SealBroken
        binding, cipher = parsed
        if is_withheld(text):
            return None
        self._forget_if_erased()
        key = self._keys_there({binding.subject}).get(binding.subject)
        return None if key is None else open_text(key, self.ledger_id, binding, cipher)

    def open_all(
        self, value: Any, *, only: Collection[str] | None = None, restricted: bool = True
    ) -> Any:
        """A copy of lists, dicts and texts with the sealed texts opened; None where a key is gone.

        A text that only looks sealed stays as it is: whoever wrote it must not break reading. With
        ``only``, what is about others stays sealed; unless ``restricted``, so does what is about
        people whose data may be kept and not used.
        """
        subjects = self.subjects_in(value)
        if not subjects:
            return value
        self._forget_if_erased()
        wanted = subjects if only is None else subjects.intersection(only)
        if not restricted:
            wanted -= self._restricted
        keys = dict.fromkeys(wanted) | self._keys_there(wanted)
        return self._opened(value, keys)

    @staticmethod
    def subjects_in(value: Any) -> set[str]:
        """Of whom sealed texts in lists, dicts and texts speak."""
        subjects: set[str] = set()
        _collect_subjects(value, subjects)
        return subjects

    def id_for(self, kind: str, *values: str) -> str:
        """The one random id of these values, made if they are new: ``m_...``, ``i_...``."""
        return self.ids_for(kind, [values])[0]

    def ids_for(self, kind: str, many: Sequence[tuple[str, ...]]) -> list[str]:
        """The ids of many values of a kind, in their order, in a few round trips."""
        self._forget_if_erased()
        asked = [Asked.of(self.digest_key(), kind, values) for values in many]
        ids = self.ids_of(asked)
        return [ids[one.digest] for one in asked]

    def find(self, kind: str, *values: str) -> str | None:
        """The id of these values if they were ever seen; None, and nothing is made, if not."""
        asked = Asked.of(self.digest_key(), kind, values)
        return self.tables.ids([asked.digest]).get(asked.digest)

    def erase(self, *subjects: str) -> None:
        """Delete the keys and the digests of these subjects (``member:m_...``), for ever."""
        self.tables.erase(subjects)
        self.forget()

    def forget(self) -> None:
        """Look at the next use whether somebody was erased, and believe nothing until then."""
        self._looked_at = None

    def export_keys(self, path: Path, *, with_epoch_keys: bool = False) -> int:
        """Write the key bundle to a new file, for its owner only; return how many rows it has."""
        return vault_bundle.export_keys(self.tables, path, with_epoch_keys=with_epoch_keys)

    def import_keys(self, path: Path) -> vault_bundle.Imported:
        """Take in the key bundle of the same ledger, before anything else is recorded here."""
        imported = vault_bundle.import_keys(self.tables, path)
        self._digest_key, self._looked_at, self._erasures = None, None, -1
        return imported

    @property
    def has_digest_key(self) -> bool:
        """Whether the digest key is at hand, without asking the database."""
        return self._digest_key is not None

    def digest_key(self) -> bytes:
        """What look-up digests are keyed with, made on first use.

        Raises:
            EpochKeyMissing: the vault was wrapped by an epoch key that is not held.

        """
        if self._digest_key is None:
            self._digest_key = self.tables.digest_key()
        return self._digest_key

    def keys_of(self, subjects: set[str], *, also: Collection[str] = ()) -> dict[str, bytes | None]:
        """The key of each subject, made if need be; None for one that was erased.

        Of those that are asked ``also``, no key is made.
        """
        keys = self._keys_there(subjects.union(also))
        missing = subjects - keys.keys()
        if missing:
            generation = self._subject_keys.generation
            made = self.tables.make_subject_keys(missing)
            self._subject_keys.put_many(made, generation)
            keys |= made
        return keys

    def ids_of(self, asked: Sequence[Asked]) -> dict[bytes, str]:
        """The one id for each digest, made if need be, with whom it recognises written down."""
        remembered = self._ids.get_many({one.digest for one in asked})
        ids: dict[bytes, str] = {}
        missing: dict[bytes, Asked] = {}
        for one in asked:
            known = remembered.get(one.digest)
            if known is not None and one.subjects <= known[1]:
                ids[one.digest] = known[0]
            else:
                before = missing.get(one.digest, one)
                missing[one.digest] = before._replace(subjects=before.subjects | one.subjects)
        if missing:
            generation = self._ids.generation
            made = self.tables.make_ids(list(missing.values()))
            self._ids.put_many(
                {digest: (made[digest], one.subjects) for digest, one in missing.items()},
                generation,
            )
            ids |= made
        return ids

    def _keys_there(self, subjects: set[str]) -> dict[str, bytes | None]:
        keys = self._subject_keys.get_many(subjects)
        missing = subjects - keys.keys()
        if missing:
            generation = self._subject_keys.generation
            found = self.tables.subject_keys(missing)
            self._subject_keys.put_many(found, generation)
            keys |= found
        return keys

    def _forget_if_erased(self) -> None:
        """Forget what is remembered if another process erased somebody meanwhile."""
        now = time.monotonic()
        if self._looked_at is not None and now - self._looked_at < ERASURE_SEEN_SECONDS_MAX:
            return
        erasures = self.tables.erasures()
        if erasures != self._erasures:
            self._subject_keys.clear()
            self._ids.clear()
            self.tables.epoch_keys.read_again()  # it may have been rotated, too
            self._restricted = self.tables.restricted()
        self._erasures, self._looked_at = erasures, now

    def _opened(self, value: Any, keys: dict[str, bytes | None]) -> Any:
        match value:
            case str():
                return self._opened_text(value, keys)
            case dict():
                return {name: self._opened(item, keys) for name, item in value.items()}
            case list() | tuple():
                return [self._opened(item, keys) for item in value]
        return value

    def _opened_text(self, text: str, keys: dict[str, bytes | None]) -> str | None:
        parsed = parse_sealed(text)
        if parsed is None:
            return text
        if parsed[0].subject not in keys:
            return text
        key = keys[parsed[0].subject]
        if key is None or is_withheld(text):
            return None
        try:
            return open_text(key, self.ledger_id, *parsed)
        except SealBroken:
            return text


def _collect_subjects(value: Any, subjects: set[str]) -> None:
    match value:
        case str():
            parsed = parse_sealed(value)
            if parsed is not None:
                subjects.add(parsed[0].subject)
        case dict():
            for item in value.values():
                _collect_subjects(item, subjects)
        case list() | tuple():
            for item in value:
                _collect_subjects(item, subjects)
