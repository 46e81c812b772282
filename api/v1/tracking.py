"""Events in: the Segment HTTP tracking dialect, so that a vendor can point the client it already has at Banso.

`POST /api/v1/{track,identify,group,page,screen,alias,batch}` and their first letters. The answer leaves after the
commit and counts what became of each message; a bad one never costs the others.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import orjson
from fastapi import APIRouter, Request
from starlette.responses import Response

from api.auth import Sender, answer_preflight, key_in_headers, sender_of
from api.body import json_in, read_bytes
from api.limits import note_standing
from api.problems import Malformed, described, locale_of, problem
from api.v1.dialect import BATCH_EVENTS, BATCH_SCHEMA, SCHEMA_OF, TAKEN, UNUSED_KEY
from portal.accounts.answers import KEY_CHARS
from portal.events.activity import refused_of
from portal.events.ingest import Outcome
from portal.events.intake import Intake
from portal.events.rules import (
    REFUSALS,
    Incoming,
    Kind,
    Refusal,
    as_seen_by_browser,
    instant,
    parse,
)
from portal.kit.errors import TooLarge
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, site_of

STATUSES: Final[Mapping[str, int]] = {"too_large": 413, "forbidden": 403, "identity_mismatch": 403, "email_taken": 409}
NOT_ALLOWED: Final = frozenset({"forbidden", "identity_mismatch"})
SINGLE: Final[Mapping[str, Kind]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "group": "group",
    "g": "group",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "alias": "alias",
    "a": "alias",
}
BATCH: Final = ("batch", "b")

router = APIRouter(tags=["events"])


async def take_one(request: Request) -> Response:
    """One message. What cannot be taken is answered with a problem whose `code` says why."""
    site = site_of(request)
    kind = SINGLE[request.url.path.rpartition("/")[2]]
    sender, body = await _received(request, site)
    body.pop("writeKey", None)
    return await take_messages(request, site, sender, [body], kind=kind, sent_at=body.get("sentAt"))


async def take_batch(request: Request) -> Response:
    """Up to 2,500 messages, each with its `type`; `rejected` names those that could not be taken."""
    site = site_of(request)
    sender, body = await _received(request, site)
    messages = body.get("batch")
    if not isinstance(messages, list):
        raise Malformed(Message("“batch” must be a list of messages."))
    if len(messages) > BATCH_EVENTS:
        raise TooLarge(Message("A batch may have 2,500 messages at most."))
    return await take_messages(request, site, sender, messages, kind=None, sent_at=body.get("sentAt"))


async def _received(request: Request, site: Site) -> tuple[Sender, dict[str, Any]]:
    """Who sends what. Whoever shows the key in a header and sends too much is told so before the body is looked at."""
    # Clients written for Segment's errors read `message`; without it they take a refusal for a failure, and try again.
    request.state.reads_message = True
    if len(request.headers.get("idempotency-key", "")) > KEY_CHARS:
        raise Malformed(Message("An Idempotency-Key is 1 to 255 visible ASCII characters."))
    sent = await read_bytes(request)
    if key_in_headers(request):
        sender = await sender_of(request, site)
        _expect(request, sender)
        return sender, json_in(sent)
    body = json_in(sent)
    sender = await sender_of(request, site, key_in_body=body.get("writeKey"))
    _expect(request, sender)
    return sender, body


def _expect(request: Request, sender: Sender) -> None:
    """Raise `TooMany` where nothing of this source could be taken now."""
    note_standing(request, sender.source, count=0)
    intake: Intake = request.app.state.intake
    intake.expect(sender.source, from_browser=sender.from_browser)


async def preflight(request: Request, site: SiteDep) -> Response:
    """What a browser asks before it sends. It shows no key yet, so any source's origin may go on to ask."""
    headers = "authorization, banso-key, content-encoding, content-type, idempotency-key"
    return await answer_preflight(request, site, methods="POST", headers=headers)


async def take_messages(
    request: Request,
    site: Site,
    sender: Sender,
    messages: Sequence[object],
    *,
    kind: Kind | None,
    sent_at: object,
) -> Response:
    """Take in what was sent, and answer what became of each message; `kind` is None where each has its own `type`."""
    note_standing(request, sender.source, count=len(messages))
    now = site.clock()
    sent = instant(sent_at)
    accepted: list[tuple[int, Incoming]] = []
    refused: list[tuple[int, str]] = []
    for index, message in enumerate(messages):
        read = parse(message, received_at=now, kind=kind, sent_at=sent)
        if sender.from_browser and isinstance(read, Incoming):
            read = as_seen_by_browser(read, sender.person)
        if isinstance(read, Refusal):
            refused.append((index, read.code))
        else:
            accepted.append((index, read))
    outcome = Outcome()
    if messages:
        intake: Intake = request.app.state.intake
        outcome = await intake.take(
            [one for _, one in accepted],
            source=sender.source,
            received_at=now,
            from_browser=sender.from_browser,
            refused=refused_of(messages, refused),
        )
    refused += [(accepted[place][0], code) for place, code in outcome.rejected]
    return _answer(request, outcome, sorted(refused), is_single=kind is not None, count=len(messages))


def _answer(
    request: Request, outcome: Outcome, refused: Sequence[tuple[int, str]], *, is_single: bool, count: int
) -> Response:
    locale = locale_of(request)
    rejected = [{"index": index, "code": code, "message": REFUSALS[code].into(locale)} for index, code in refused]
    if refused and len(refused) == count:
        codes = {code for _, code in refused}
        code = refused[0][1]
        # Of a batch that tried nothing but to say who somebody is, the answer is about the key, not about the messages.
        if is_single or codes <= NOT_ALLOWED:
            status = STATUSES.get(code, 400)
            return problem(request, status=status, code=code, message=REFUSALS[code], more={"rejected": rejected})
    answer = {"success": True, "accepted": outcome.accepted, "duplicates": outcome.duplicates, "rejected": rejected}
    headers = dict(getattr(request.state, "answer_headers", {}))
    return Response(orjson.dumps(answer), media_type="application/json", headers=headers)


# --- the interface described ------------------------------------------------------------------------------------------


def _add(path: str, endpoint: Callable[..., Any], schema: dict[str, Any], *, summary: str, is_short: bool) -> None:
    router.add_api_route(
        f"/{path}",
        endpoint,
        methods=["POST"],
        summary=summary,
        include_in_schema=not is_short,
        response_class=Response,
        responses={200: TAKEN, **described(400, 401, 403, 409, 413, 429, 503)},
        openapi_extra={
            "parameters": [UNUSED_KEY],
            "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
            "security": [{"SourceKey": []}],
        },
        operation_id=f"events_{path}",
    )
    router.add_api_route(f"/{path}", preflight, methods=["OPTIONS"], include_in_schema=False)


for _path, _kind in SINGLE.items():
    _one = {"$ref": f"#/components/schemas/{SCHEMA_OF[_kind]}"}
    _add(_path, take_one, _one, summary=f"Send one {_kind} message", is_short=len(_path) == 1)
for _path in BATCH:
    _add(_path, take_batch, BATCH_SCHEMA, summary="Send many messages", is_short=len(_path) == 1)
