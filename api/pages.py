"""Pages for people: the documentation of the API, and what each problem means.

Everything comes from this server; the Content-Security-Policy makes the browser refuse all else.
"""

from __future__ import annotations

import re
from functools import cache
from html import escape
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Any, Final

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import PathParameter
from litestar.response import Redirect

from api.errors import NoSuchPage
from api.problems import kinds, status_of, title_of

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
MEDIA_TYPES: Final[MappingProxyType[str, str]] = MappingProxyType(
    {
        "swagger-ui-bundle.js": "text/javascript",
        "swagger-ui.css": "text/css",
        "docs.js": "text/javascript",
        "pages.css": "text/css",
        "favicon.svg": "image/svg+xml",
    }
)
HEADERS: Final = {"Content-Security-Policy": POLICY, "Cache-Control": "no-cache"}
DOCS: Final = """
<link rel="stylesheet" href="/static/swagger-ui.css">
<div id="swagger-ui"></div>
<script src="/static/swagger-ui-bundle.js"></script>
<script src="/static/docs.js"></script>
"""

FileName = Annotated[str, PathParameter(description="The name of a file.")]
Code = Annotated[str, PathParameter(description="The last part of a problem's type.")]


def _page(title: str, body: str) -> Response[str]:
    html = (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title>"
        '<link rel="icon" type="image/svg+xml" href="/static/favicon.svg">'
        f'<link rel="stylesheet" href="/static/pages.css"></head><body>{body}</body></html>\n'
    )
    return Response(html, media_type="text/html", headers=HEADERS)


@get("/", include_in_schema=False, sync_to_thread=False)
def front() -> Redirect:
    """Lead whoever comes by hand to the documentation."""
    return Redirect("/docs")


@get("/docs", include_in_schema=False, sync_to_thread=False)
def docs() -> Response[str]:
    """The documentation of the API, to read and to try."""
    return _page("Filrouge API", DOCS)


@get("/openapi.json", include_in_schema=False, sync_to_thread=False)
def openapi(request: Request[Any, Any, Any]) -> Response[bytes]:
    """The OpenAPI document."""
    return Response(request.app.state.document, media_type="application/json")


@cache
def _file(name: str) -> bytes:
    return files("api").joinpath("static", name).read_bytes()


@get("/static/{name:str}", include_in_schema=False, sync_to_thread=False)
def static_file(name: FileName) -> Response[bytes]:
    """A file that the pages need."""
    if name not in MEDIA_TYPES:
        raise NoSuchPage
    return Response(_file(name), media_type=MEDIA_TYPES[name], headers=HEADERS)


@get("/problems", include_in_schema=False, sync_to_thread=False)
def problems() -> Response[str]:
    """Every problem that the API answers with."""
    listed = "".join(
        f'<dt><a href="/problems/{code}">{escape(title_of(kind))}</a> ({status_of(kind)})</dt>'
        f"<dd>{_paragraphs(kind, first=True)}</dd>"
        for code, kind in kinds().items()
    )
    return _page("Problems", f"<main><h1>Problems</h1><dl>{listed}</dl></main>")


@get("/problems/{code:str}", include_in_schema=False, sync_to_thread=False)
def problem(code: Code) -> Response[str]:
    """What one problem means, and what to do about it."""
    kind = kinds().get(code)
    if kind is None:
        raise NoSuchPage
    title = escape(title_of(kind))
    return _page(
        title_of(kind),
        f"<main><h1>{title}</h1>{_paragraphs(kind)}<p>Status {status_of(kind)}. "
        f"Type <code>/problems/{code}</code>.</p>"
        '<p><a href="/problems">All problems</a></p></main>',
    )


def _paragraphs(kind: type, *, first: bool = False) -> str:
    said = [" ".join(part.split()) for part in (kind.__doc__ or "").split("\n\n")]
    html = (re.sub(r"``([^`]+)``", r"<code>\1</code>", escape(part)) for part in said if part)
    return "".join(f"<p>{part}</p>" for part in (list(html)[:1] if first else html))


HANDLERS: Final[tuple[HTTPRouteHandler, ...]] = (
    front, docs, openapi, static_file, problems, problem,
)  # fmt: skip
