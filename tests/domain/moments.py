"""Instants that tests agree on."""

from datetime import UTC, datetime

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
