"""The sources of what the ledger itself records: no other system may report under them."""

from __future__ import annotations

from typing import Final

COMMANDS_SOURCE: Final = "/commands"
"""What a command decided."""
REACTIONS_SOURCE: Final = "/reactions"
"""What followed from an event by rule."""
OPAQUE_SOURCE: Final = "/opaque"
"""Another application's bytes."""
ERASURES_SOURCE: Final = "/erasures"
"""Of erasures that are recorded again, because a restored log had lost them."""
VAULT_SOURCE: Final = "/vault"
"""Of what the vault says of its epoch keys."""
OWN_SOURCES: Final = frozenset(
    {COMMANDS_SOURCE, REACTIONS_SOURCE, OPAQUE_SOURCE, ERASURES_SOURCE, VAULT_SOURCE}
)
"""Sources that are the ledger's own: nobody else's events come from there."""
