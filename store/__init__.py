"""The append-only log on PostgreSQL, and the vault beside it."""
