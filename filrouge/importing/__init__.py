"""Bringing history in: files of records, a mapping that makes events of them, what did not fit."""
