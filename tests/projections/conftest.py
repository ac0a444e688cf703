"""A brand without history, for the tests of what projections say."""

import pytest

from store.ledger import Ledger
from tests.projections.brand import Brand


@pytest.fixture
def brand(ledger: Ledger) -> Brand:
    """A brand that starts on the first day of spring."""
    return Brand(ledger)
