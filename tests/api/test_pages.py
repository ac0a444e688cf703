"""The pages for people load nothing from anywhere else."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from importlib.resources import files
from typing import Any

import pytest

PAGES = ["/docs", "/problems", "/problems/not-enough-points"]
LOADING = {"src", "href", "data", "action", "poster", "srcset"}
BYTES_MAX = 2_000_000


class Loaded(HTMLParser):
    """Collects what a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take what this element loads; where a link leads is another thing."""
        if tag != "a":
            self.addresses += [value or "" for name, value in attrs if name in LOADING]


class TestPages:
    @pytest.mark.parametrize("path", PAGES)
    def test_everything_comes_from_here(self, house: Any, path: str) -> None:
        """Scripts, styles, fonts and the icon come from this server, and they are there."""
        page = house.client.get(path)
        assert page.status_code == 200
        parser = Loaded()
        parser.feed(page.text)
        assert any("favicon" in address for address in parser.addresses)
        for address in parser.addresses:
            assert address.startswith("/static/")
            assert house.client.get(address).status_code == 200

    @pytest.mark.parametrize("path", [*PAGES, "/static/swagger-ui.css", "/static/docs.js"])
    def test_browser_is_told_to_refuse_the_rest(self, house: Any, path: str) -> None:
        """Whatever a script might ask of another host, the browser refuses it."""
        policy = house.client.get(path).headers["content-security-policy"]
        rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
        assert rules["default-src"] == "'none'"
        allowed = {source for sources in rules.values() for source in sources.split()}
        assert allowed <= {"'none'", "'self'", "'unsafe-inline'", "data:"}
        assert "'unsafe-inline'" not in rules["script-src"]

    def test_styles_load_nothing(self, house: Any) -> None:
        """No style asks another host for a font or a picture."""
        for name in ("swagger-ui.css", "pages.css"):
            text = house.client.get(f"/static/{name}").text
            assert "@import" not in text
            for address in re.findall(r"url\(['\"]?([^)'\"]+)", text):
                assert address.startswith("data:")

    def test_validator_is_off(self, house: Any) -> None:
        """The validator of the viewer's makers, which is another host, is switched off."""
        assert "validatorUrl: null" in house.client.get("/static/docs.js").text

    def test_licence_is_shipped(self) -> None:
        """The licence of what is not ours lies beside it; the whole is reasonably small."""
        static = files("api").joinpath("static")
        names = {file.name for file in static.iterdir()}
        assert {"swagger-ui.LICENSE.txt", "swagger-ui.NOTICE.txt"} <= names
        assert "Apache License" in static.joinpath("swagger-ui.LICENSE.txt").read_text()
        assert sum(len(file.read_bytes()) for file in static.iterdir()) < BYTES_MAX

    def test_front_leads_to_the_documentation(self, house: Any) -> None:
        """Whoever comes by hand is led to the documentation."""
        answer = house.client.get("/", follow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["location"] == "/docs"

    def test_document_is_served(self, house: Any) -> None:
        """The OpenAPI document is where the page looks for it, and names no other host."""
        document = house.client.get("/openapi.json").json()
        assert document["openapi"].startswith("3.1")
        assert not re.search(r"https?://(?!json-schema\.org)", json.dumps(document))
