"""Webhooks in: other systems tell what happened, or that a step is done, in the form of Standard Webhooks.

Answered with 202 after the commit; the same delivery again changes nothing. What is refused is put on record, with the
reason that the sender was told.
"""

from typing import Any

import orjson
from fastapi import APIRouter, Request
from sqlmodel import Session
from starlette.responses import Response

from api.body import json_in, read_bytes
from api.deliveries import prove
from api.limits import note_standing
from api.problems import Unauthorized, described
from api.segments import whole
from portal.accounts.people import member_of
from portal.accounts.service import account_by_external_id, id_of
from portal.checklists.actors import Actor
from portal.checklists.catalog import catalog
from portal.checklists.steps import complete_step, run_of
from portal.events.deliveries import (
    STEP_COMPLETED,
    Refused,
    delivery_id,
    is_on_record,
    not_taken,
    note_refused,
    read_delivery,
)
from portal.events.ingest import ingest
from portal.events.intake import Intake
from portal.events.limits import Limits
from portal.events.rules import Incoming
from portal.events.sources import KnownSource, note_seen, source_called
from portal.kit.errors import BansoError, NotFound, TooMany, Unavailable
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep

router = APIRouter(tags=["webhooks"])

DELIVERY: dict[str, Any] = {
    "type": "object",
    "required": ["type", "data"],
    "properties": {
        "type": {"type": "string", "maxLength": 200, "description": "`step.completed`, or any name of an event."},
        "timestamp": {"type": "string", "format": "date-time", "description": "When it happened; default: now."},
        "data": {
            "type": "object",
            "properties": {
                "account": {"type": "string", "maxLength": 200},
                "member": {"type": "string", "maxLength": 200},
                "checklist": {"type": "string", "description": "For `step.completed`."},
                "step": {"type": "string", "description": "For `step.completed`."},
            },
        },
    },
    "example": {
        "type": "step.completed",
        "timestamp": "2026-12-01T09:00:00Z",
        "data": {"account": "acme", "checklist": "first-30-days", "step": "kickoff_call"},
    },
}
TAKEN: dict[str, Any] = {
    "type": "object",
    "required": ["success", "duplicate"],
    "properties": {"success": {"const": True}, "duplicate": {"type": "boolean"}},
    "example": {"success": True, "duplicate": False},
}
SCHEMAS = {"WebhookDelivery": DELIVERY, "WebhookTaken": TAKEN}
"""What the route refers to in OpenAPI."""
ACCEPTED = {
    "description": "Committed, now or when it came before.",
    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WebhookTaken"}}},
}
HEADERS = [
    {"name": name, "in": "header", "required": False, "schema": {"type": "string"}, "description": text}
    for name, text in (
        ("webhook-id", "Unique; the same one again is the same delivery. Up to 100 characters."),
        ("webhook-timestamp", "Seconds since 1970, within five minutes of now."),
        ("webhook-signature", "`v1,…`; several, separated by a space, while a secret rotates."),
        ("idempotency-key", "In place of `webhook-id`, for senders that show the secret as a bearer token."),
    )
]


@router.post(
    "/webhooks/{source}",
    operation_id="receive_webhook",
    status_code=202,
    response_class=Response,
    responses={202: ACCEPTED, **described(400, 401, 404, 413, 422, 429, 503)},
    openapi_extra={
        "parameters": HEADERS,
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/WebhookDelivery"}}},
        },
        "security": [{"WebhookSignature": []}, {"WebhookToken": []}],
    },
)
async def receive(request: Request, site: SiteDep, source: str) -> Response:
    """Something happened elsewhere. `step.completed` completes that step; any other type is an event of that name."""
    now, name = site.clock(), whole(source)
    known = await site.database.read(lambda session: source_called(session, name, now=now))
    if known is None:
        raise NotFound
    told: dict[str, Any] = {}
    try:
        return await _receive(request, site, known, told)
    except (Unavailable, TooMany):
        raise
    except BansoError as error:
        await _put_on_record(request, site, known, told, error)
        raise


async def _receive(request: Request, site: Site, source: KnownSource, told: dict[str, Any]) -> Response:
    """`told` gets what was said as far as it could be read."""
    now = site.clock()
    sent = await read_bytes(request)
    prove(request, site, source, sent)
    note_standing(request, source, count=1)
    told |= json_in(sent)
    webhook_id = request.headers.get("webhook-id", "")
    if source.webhook_auth == "bearer":
        shown = webhook_id or request.headers.get("idempotency-key", "")
        webhook_id = delivery_id(sent, shown=shown, says_when=told.get("timestamp") is not None)
    incoming = read_delivery(told, webhook_id=webhook_id, received_at=now)
    if incoming.name == STEP_COMPLETED:
        is_new = await site.database.write(lambda session: _complete(session, site, source, incoming))
    else:
        intake: Intake = request.app.state.intake
        is_new = bool((await intake.take([incoming], source=source, received_at=now)).accepted)
    answer = {"success": True, "duplicate": not is_new}
    headers = dict(getattr(request.state, "answer_headers", {}))
    return Response(orjson.dumps(answer), 202, media_type="application/json", headers=headers)


def _complete(session: Session, site: Site, source: KnownSource, incoming: Incoming) -> bool:
    """Complete the step and put the delivery on record, both or neither; False where it is on record already."""
    now = site.clock()
    if is_on_record(session, source.id, incoming.message_id):
        return False
    account = account_by_external_id(session, incoming.group_ref) if incoming.group_ref else None
    if account is None:
        raise not_taken("data.account", "unknown_account", Message("There is no such account."))
    account_id, member_id = id_of(account), None
    if incoming.user_ref is not None:
        member = member_of(session, account_id, incoming.user_ref)
        if member is None:
            raise not_taken("data.member", "unknown_member", Message("The account has no such member."))
        member_id = member.id
    key, step = (_named(incoming, name) for name in ("checklist", "step"))
    _expect_step(session, account_id, key, step)
    if not ingest(session, [incoming], source_id=source.id, received_at=now, zone=site.zone).accepted:
        return False
    complete_step(
        session,
        account_id=account_id,
        key=key,
        step_key=step,
        actor=Actor(kind="webhook", key=source.name, name=source.name),
        now=now,
        zone=site.zone,
        member_id=member_id,
        at=min(incoming.at, now),
    )
    note_seen(session, source, now=now)
    return True


def _expect_step(session: Session, account_id: int, key: str, step: str) -> None:
    """Say which of them it is that does not exist: whoever sets a sender up must not have to guess."""
    known = catalog(session)
    if all(key != of for of, _ in known.versions):
        raise not_taken("data.checklist", "unknown_checklist", Message("There is no such checklist."))
    try:
        run = run_of(session, known, account_id, key)
    except NotFound as error:
        said = Message("The account is not enrolled in this checklist.")
        raise not_taken("data.checklist", "not_enrolled", said) from error
    if all(step != one.key for one in run.published.definition.steps):
        raise not_taken("data.step", "unknown_step", Message("The checklist has no such step."))


def _named(incoming: Incoming, name: str) -> str:
    value = incoming.properties.get(name)
    if not isinstance(value, str) or not value:
        raise not_taken(f"data.{name}", "missing", Message("this must be given"))
    return value


async def _put_on_record(
    request: Request, site: Site, source: KnownSource, told: dict[str, Any], error: BansoError
) -> None:
    """Keep why it was refused; of a flood of strangers only so many a second, since each costs a commit."""
    refusals: Limits = request.app.state.refusals
    if isinstance(error, Unauthorized):
        try:
            refusals.spend(source.id, 1)
        except TooMany:
            return
    first = error.problems[0] if error.problems else None
    kind = told.get("type")
    refused = Refused(
        at=site.clock(),
        status=error.status,
        code=first.code if first else error.code,
        field=first.field if first else None,
        webhook_id=request.headers.get("webhook-id"),
        type=kind if isinstance(kind, str) else None,
    )
    await site.database.write(lambda session: note_refused(session, source.id, refused))
