"""What makes a server one of the time before the balances' newest version."""

import msgspec

from projections.balances import BALANCES


def older() -> None:
    """Have the version before the newest, in this process."""
    msgspec.structs.force_setattr(BALANCES, "version", BALANCES.version - 1)
