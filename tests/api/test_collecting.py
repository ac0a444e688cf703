"""A server looks for cycles rarely: the views that it keeps are many, and in none."""

import gc

from litestar.testing import TestClient

from api.app import create_app
from store.collecting import SERVING_COLLECT_AFTER
from store.credentials import Credentials
from store.database import Database


def test_as_long_as_it_serves(installation: Database) -> None:
    """And before and afterwards as often as whoever embeds it wants."""
    usual = gc.get_threshold()
    often = (700, *usual[1:])
    app = create_app(installation.open, Credentials(installation.pool.connection))
    gc.set_threshold(*often)
    try:
        with TestClient(app):
            assert gc.get_threshold()[0] == SERVING_COLLECT_AFTER
        assert gc.get_threshold() == often
    finally:
        gc.set_threshold(*usual)
