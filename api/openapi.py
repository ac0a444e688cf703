"""The OpenAPI document: what the framework knows of parameters, and what our declarations say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from inspect import getdoc
from typing import Any, Final, Literal

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from api.described import KEY, Answer, Described
from api.errors import InternalError
from api.limits import IDEMPOTENCY_KEY_LENGTH_MAX
from api.parameters import LEDGER_PATTERN
from api.positions import PATTERN as POSITION_PATTERN
from api.problems import PROBLEM_JSON, Problem, status_of, title_of
from api.schemas import Schema, Schemas
from domain.errors import FilrougeError
from domain.event import event_classes
from domain.types import AccountID, MemberID, Position, Tag

SECURITY: Final[Schema] = {"key": []}
HEADERS: Final[Mapping[str, Schema]] = {
    "Ledger-Position": {
        "description": "The position that the answer reflects, as `<epoch>.<position>`.",
        "required": True,
        "schema": {"type": "string", "pattern": POSITION_PATTERN},
    },
    "ETag": {
        "description": "Tells answers apart; give it back in `If-None-Match`.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Location": {
        "description": "The address of the last event that was recorded.",
        "required": True,
        "schema": {"type": "string"},
    },
    "Idempotency-Hit": {
        "description": "`true`: this was decided before; the answer is the first one's.",
        "schema": {"const": "true"},
    },
    "WWW-Authenticate": {"required": True, "schema": {"type": "string"}},
    "Retry-After": {
        "description": "Seconds to wait.", "required": True,
        "schema": {"type": "string", "pattern": "^[0-9]+$"},
    },
}  # fmt: skip
GIVEN_HEADERS: Final[Mapping[str, Schema]] = {
    "Idempotency-Key": {
        "description": "Your name for this request. Sent again with it, the same command is not "
        "decided again: its first answer comes back.",
        "schema": {
            "type": "string", "pattern": "^[!-~]+$", "minLength": 1,
            "maxLength": IDEMPOTENCY_KEY_LENGTH_MAX,
        },
    },
    "If-None-Match": {
        "description": "The `ETag` of the answer that you have; if it is still good: 304.",
        "schema": {"type": "string"},
    },
}  # fmt: skip


ELEMENTS: Final[Mapping[str, Any]] = {
    "type": lambda: Literal[tuple(event_classes())],
    "tag": lambda: Tag,
    "position": lambda: Position,
    "member_id": lambda: MemberID,
    "account_id": lambda: AccountID,
}


def document(app: Litestar) -> Schema:
    """The complete document of an application."""
    base: Schema = app.openapi_schema.to_schema()
    schemas = Schemas()
    schemas.shown(Problem)
    for path, method, handler in _declared(app):
        operation = base["paths"][path][method]
        _complete(operation, path, handler, schemas)
    base.setdefault("components", {})["schemas"] = dict(sorted(schemas.components.items()))
    base["components"]["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A key of the ledger, made with `filrouge keys`.",
        }
    }
    return base


def _declared(app: Litestar) -> Iterator[tuple[str, str, HTTPRouteHandler]]:
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if KEY in handler.opt:
                for method in handler.http_methods:
                    yield route.path_format, method.lower(), handler


def _complete(operation: Schema, path: str, handler: HTTPRouteHandler, schemas: Schemas) -> None:
    described: Described = handler.opt[KEY]
    summary, _, description = (getdoc(handler.fn) or "").partition("\n")
    scopes = " or ".join(f"`{scope}`" for scope in described.scopes)
    needs = f"Needs the scope {scopes}." if scopes else "Needs no key."
    operation["summary"] = summary.rstrip(".")
    operation["description"] = f"{description.strip()}\n\n{needs}".strip()
    operation["security"] = [SECURITY] if described.scopes else []
    operation["parameters"] = _parameters(operation, path, described, schemas)
    if not operation["parameters"]:
        del operation["parameters"]
    if described.bodies:
        operation["requestBody"] = {
            "required": described.body_required,
            "content": {
                media_type: {"schema": schemas.given(kind)}
                for media_type, kind in described.bodies.items()
            },
        }
    operation["responses"] = {
        **{str(status): _answer(status, answer, schemas)
           for status, answer in described.answers.items()},
        **_problems(described.problems),
    }  # fmt: skip


def _parameters(
    operation: Schema, path: str, described: Described, schemas: Schemas
) -> list[Schema]:
    found = {(one["in"], one["name"]): one for one in operation.get("parameters", [])}
    for name in (part[1:-1] for part in path.split("/") if part.startswith("{")):
        if name == "ledger":
            found["path", name] = {
                "name": name, "in": "path", "required": True, "description": "The ledger's name.",
                "schema": {"type": "string", "pattern": LEDGER_PATTERN},
            }  # fmt: skip
        elif name in described.path:
            found["path", name] = {
                "name": name, "in": "path", "required": True,
                "schema": schemas.given(described.path[name]),
            }  # fmt: skip
    for name in described.headers:
        found["header", name] = {"name": name, "in": "header", **GIVEN_HEADERS[name]}
    for (_, name), parameter in found.items():
        # The framework writes "or null"; what is left out of an address is not null.
        parameter["schema"] = _not_null(parameter["schema"])
        if name in ELEMENTS and parameter["schema"].get("type") == "array":
            # The framework leaves out what the elements of a list have to be.
            parameter["schema"]["items"] = schemas.given(ELEMENTS[name]())
    places = ("path", "query", "header")

    def order(one: Schema) -> tuple[int, int]:
        # The framework keeps those of the path in a set; here they stand as in the path.
        return places.index(one["in"]), path.find(f"{{{one['name']}}}")

    return sorted(found.values(), key=order)


def _not_null(schema: Schema) -> Schema:
    options = [one for one in schema.get("oneOf", []) if one.get("type") != "null"]
    if len(options) != 1:
        return schema
    return {**{name: part for name, part in schema.items() if name != "oneOf"}, **options[0]}


def _answer(status: int, answer: Answer, schemas: Schemas) -> Schema:
    said: Schema = {"description": answer.description or HTTPStatus(status).phrase}
    if answer.body is not None:
        said["content"] = {answer.media_type: {"schema": schemas.shown(answer.body)}}
    if answer.headers:
        said["headers"] = {name: HEADERS[name] for name in answer.headers}
    return said


def _problems(kinds: tuple[type[FilrougeError], ...]) -> dict[str, Schema]:
    by_status: dict[int, list[type[FilrougeError]]] = {}
    for kind in dict.fromkeys((*kinds, InternalError)):
        by_status.setdefault(status_of(kind), []).append(kind)
    return {str(status): _refusal(status, group) for status, group in sorted(by_status.items())}


def _refusal(status: int, kinds: list[type[FilrougeError]]) -> Schema:
    said: Schema = {
        "description": "\n".join(
            f"- [{kind.code}](/problems/{kind.code}): {_said(kind)}" for kind in kinds
        ),
        "content": {
            PROBLEM_JSON: {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "examples": {kind.code: {"value": _example(kind)} for kind in kinds},
            }
        },
    }
    if status == HTTPStatus.UNAUTHORIZED:
        said["headers"] = {"WWW-Authenticate": HEADERS["WWW-Authenticate"]}
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        said["headers"] = {"Retry-After": HEADERS["Retry-After"]}
    return said


def _example(kind: type[FilrougeError]) -> Schema:
    return {
        "type": f"/problems/{kind.code}", "title": title_of(kind), "status": status_of(kind),
        "detail": _said(kind), "instance": "urn:filrouge:request:8f14e45fceea167a",
    }  # fmt: skip


def _said(kind: type[FilrougeError]) -> str:
    return str(kind()).replace("``", "`")
