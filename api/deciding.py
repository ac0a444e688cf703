"""What a command goes through over HTTP: read, given an id, decided, answered."""

from __future__ import annotations

import hmac
import re
import sys
from base64 import b32encode
from collections.abc import Callable, Iterator
from inspect import getdoc
from random import getrandbits
from typing import Any, Final

import msgspec
from litestar import Request, Response

from api.answers import JSON, Ready
from api.bodies import body_of, decoded
from api.call import Call, call_of
from api.cloudevents import refuse_ahead
from api.described import COMMANDING, Answer, writes
from api.event_reads import LedgerEvent, shown
from api.limits import IDEMPOTENCY_KEY_LENGTH_MAX
from api.parameters import header_of
from api.positions import HEADER
from api.problems import malformed
from api.schemas import EITHER
from api.threads import in_thread, resolved
from domain.decision import Command
from domain.errors import FilrougeError, RuleError
from domain.shape import shape_of
from store.credentials import Scope
from store.ledger import Ledger, Verdict
from store.reply import Reply

_KEY: Final = re.compile(rf"[!-~]{{1,{IDEMPOTENCY_KEY_LENGTH_MAX}}}")


class CommandAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided."""

    position: int
    """The position of the last event."""
    duplicate: bool
    """The same command was decided before, under the same key; these are its events."""
    events: list[LedgerEvent]
    """The events that the ledger recorded because of the command; new ids stand in them."""


def command_id_of(key: str | None, call: Call) -> str:
    """The id of a command: from its Idempotency-Key and who asks, else a new one.

    What a client uses as a key may tell of somebody, and the id stands in the log for ever: it is
    a digest under a key of the vault. May ask the database.
    """
    if key is None:
        # It has to be new, not secret; real randomness is a system call, which gives way to others.
        return f"c_{_text(getrandbits(120).to_bytes(15))}"
    said = f"{call.access.actor}/{key}".encode()
    digest = hmac.digest(call.ledger.vault.digest_key(), b"command/" + said, "sha256")
    return f"k_{_text(digest[:20])}"


def _text(octets: bytes) -> str:
    return b32encode(octets).decode().rstrip("=").lower()


def _filled_in(kind: type[Command]) -> set[str]:
    """The fields that the vault always fills in from others, so that nobody sends them."""
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    return {
        marked.path[0]
        for marked in shape_of(kind).digested
        if marked.mark[1] and required.issuperset(marked.mark[1])
    }


def body_type(
    kind: type[Command], path_names: set[str], either: tuple[str, ...] = ()
) -> type[msgspec.Struct]:
    """The body of a command: its fields without those of the path."""
    left_out = path_names | _filled_in(kind)
    fields = [
        (field.name, field.type, msgspec.field(**_default(field)))
        for field in msgspec.structs.fields(kind)
        if field.name not in left_out
    ]
    return msgspec.defstruct(
        kind.__name__,
        fields,
        namespace={EITHER: either},
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
    )


def _default(field: msgspec.structs.FieldInfo) -> dict[str, Any]:
    if field.default is not msgspec.NODEFAULT:
        return {"default": field.default}
    if field.default_factory is not msgspec.NODEFAULT:
        return {"default_factory": field.default_factory}
    return {}


def _rules_of(kind: type[Command]) -> Iterator[type[FilrougeError]]:
    """The rules that the module of a command knows, its own and those that it reads of others."""
    for value in vars(sys.modules[kind.__module__]).values():
        if isinstance(value, type) and issubclass(value, RuleError) and value is not RuleError:
            yield value


def decides(
    path: str,
    kind: type[Command],
    *,
    tag: str,
    scope: Scope = Scope.COMMAND,
    either: tuple[str, ...] = (),
    then: Callable[[Ledger], object] | None = None,
) -> Any:
    """Make the address of a command. Of the fields in ``either``, at least one has to be there.

    ``then`` is done in a thread once it is decided, before it is answered.
    """
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    path_types = {name: types[name] for name in re.findall(r"{(\w+):", path)}
    body = body_type(kind, set(path_types), either)
    decode: Callable[[bytes], msgspec.Struct] = msgspec.json.Decoder(body).decode
    body_required = bool(either) or any(one.required for one in msgspec.structs.fields(body))

    def read(content: bytes, given: dict[str, Any]) -> Command:
        said = decoded(content or b"{}", decode)
        ids = {name: _id(name, given[name], of) for name, of in path_types.items()}
        return kind(**{name: getattr(said, name) for name in said.__struct_fields__}, **ids)

    headers = (HEADER, "Location", "Idempotency-Hit")
    answers = {
        200: Answer(CommandAnswer, description="Decided before.", headers=headers),
        201: Answer(CommandAnswer, description="Decided and recorded.", headers=headers),
    }

    @writes(
        path,
        answers,
        {JSON: body},
        scopes=(scope,),
        problems=(*COMMANDING, *_rules_of(kind)),
        headers=("Idempotency-Key",),
        path_types=path_types,
        body_required=body_required,
        tag=tag,
        name=re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower(),
    )
    async def decide(request: Request[Any, Any, Any]) -> Response[bytes]:
        call = call_of(request)
        key = header_of(request.scope, b"idempotency-key")
        if key is not None and not _KEY.fullmatch(key):
            raise malformed("Idempotency-Key", "1 to 255 visible ASCII characters")
        command = read(await body_of(request, JSON), request.path_params)
        refuse_ahead(command.time)
        actor = call.access.actor

        def submit() -> Reply[Verdict]:
            id_ = command_id_of(key, call)
            return call.ledger.decide(command, command_id=id_, actor=actor)

        ledger = call.ledger
        waits = ledger.asks_first(command) or not (key is None or ledger.has_digest_key)
        verdict = await resolved(await in_thread(submit) if waits else submit())
        if then is not None:
            await in_thread(then, ledger)
        return await _answer(call, verdict)

    decide.fn.__doc__ = getdoc(kind)
    return decide


def _id(name: str, text: str, of: Any) -> Any:
    try:
        return msgspec.convert(text, of, strict=False)
    except msgspec.ValidationError as error:
        raise malformed(name, str(error)) from None


async def _answer(call: Call, verdict: Verdict) -> Ready:
    answer = CommandAnswer(
        position=verdict.position,
        duplicate=verdict.duplicate,
        events=[shown(recorded) for recorded in verdict.events],
    )
    headers = {
        HEADER: await call.stamp(verdict.position),
        "Location": f"/v1/{call.ledger.name}/events/{verdict.position}",
    }
    if verdict.duplicate:
        headers["Idempotency-Hit"] = "true"
    else:
        call.recorded(verdict.events[0].envelope.position, verdict.position)
    status = 200 if verdict.duplicate else 201
    body = await call.opened(msgspec.json.encode(answer))
    return Ready(body, status=status, headers=headers)
