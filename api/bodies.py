"""Reading a body: its media type, its size, its characters, and then strictly its schema.

The framework's own conversion is lenient (``"5"`` for a number, a number for an instant); in a
ledger a wrong type is refused, and the refusal names the field.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import msgspec
from litestar import Request

from api.answers import JSON
from api.errors import BodyTooLarge, InvalidBody, MalformedBody, UnsupportedMediaType
from api.parameters import header_of
from api.problems import Fault, Refused, invalid_body, malformed
from domain.types import INTEGER_MAX

NUL: Final = b"\\u0000"
"""How a NUL stands in valid JSON: never as a byte of its own."""

T = TypeVar("T")


def media_type_of(request: Request[Any, Any, Any]) -> str:
    """The media type of the body, without its parameters; a body without one counts as JSON."""
    given = header_of(request.scope, b"content-type")
    return JSON if given is None else given.partition(";")[0].strip().lower()


async def body_of(request: Request[Any, Any, Any], *media_types: str) -> bytes:
    """The body, if it is of one of these media types and in valid UTF-8.

    A body over the limit is refused before it is read: by what it announces, else as it comes.
    """
    given = media_type_of(request)
    if given not in media_types:
        raise UnsupportedMediaType(f"this address takes {', '.join(media_types)}")
    body = await _received(request)
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise MalformedBody(f"byte {error.start} is not valid UTF-8") from None
    return body


async def _received(request: Request[Any, Any, Any]) -> bytes:
    limit = request.app.state.limits.body_bytes
    announced = header_of(request.scope, b"content-length")
    if announced is not None and not announced.isdecimal():
        raise malformed("Content-Length", "a number of bytes")
    if announced is not None and int(announced) > limit:
        raise BodyTooLarge
    parts: list[bytes] = []
    size, more = 0, True
    while more:
        message = await request.receive()
        if message["type"] != "http.request":
            raise MalformedBody("the request ended before its body did")
        parts.append(message["body"])
        more = message.get("more_body", False)
        size += len(parts[-1])
        if size > limit:
            raise BodyTooLarge
    return parts[0] if len(parts) == 1 else b"".join(parts)


def decoded(body: bytes, decode: Callable[[bytes], T], below: str = "", *, each: bool = False) -> T:
    """The body as its Struct. Raises MalformedBody or InvalidBody, naming the field.

    ``each``: it is a list whose elements are decoded, and refused, one by one.
    """
    try:
        try:
            value = decode(body)
        except msgspec.ValidationError as error:
            if "got `float`" not in str(error):
                raise
            # In JSON Schema, 5.0 is the integer 5.
            value = decode(msgspec.json.encode(_with_integers(msgspec.json.decode(body))))
    except msgspec.ValidationError as error:
        raise invalid_body(error, below) from None
    except (msgspec.DecodeError, OverflowError, RecursionError) as error:
        raise MalformedBody(str(error) or "nested too deeply") from None
    if NUL in body and not each:
        refuse_nul(msgspec.json.decode(body), below)
    return value


def refuse_nul(value: Any, pointer: str) -> None:
    """Refuse a NUL character in any text, which no column could store; name the field."""
    match value:
        case str() if "\0" in value:
            detail = "a text holds a NUL character: remove it"
            raise Refused(InvalidBody, f"{pointer}: {detail}", Fault(detail, pointer=pointer))
        case dict():
            for name, item in value.items():
                if "\0" in name:
                    refuse_nul(name, pointer + "/" + name.replace("\0", ""))
                refuse_nul(item, f"{pointer}/{name}")
        case list():
            for index, item in enumerate(value):
                refuse_nul(item, f"{pointer}/{index}")


def _with_integers(value: Any) -> Any:
    match value:
        case float() if value.is_integer() and abs(value) <= INTEGER_MAX:
            return int(value)
        case dict():
            return {name: _with_integers(item) for name, item in value.items()}
        case list():
            return [_with_integers(item) for item in value]
    return value
