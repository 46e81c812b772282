"""The widget's door: one state that answers everything a panel needs, and what its member does in it.

Asked by pages of the vendor's product with `Banso-Key: pk_…` and the token of whoever sits there; no cookie is read or
set. Every act answers with the state as it is afterwards, so a panel never has to guess.
"""

import hashlib
from datetime import datetime
from typing import Annotated, Any, Literal, cast

import orjson
from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session
from starlette.responses import Response

from api.auth import Sender, answer_preflight
from api.body import read_json
from api.guests import Seat, language_of, seat_of
from api.problems import Malformed, described
from api.v1.bodies import UNREADABLE, body_of, body_schema, read
from api.v1.dialect import BATCH_EVENTS, OWN_BATCH_SCHEMA, TAKEN
from api.v1.shapes import LINE, Key, MomentIn, line
from api.v1.tickets import TicketOut
from api.v1.tracking import take_messages
from api.v1.widget_answers import FOUND, STATE, WidgetDocument
from portal.accounts.fields import MOST_SEATS, Reader, count, moment, text
from portal.checklists.shown import actor_of
from portal.checklists.steps import complete_step, undo_step
from portal.content.readers import reader_of
from portal.content.service import Sight, record_reading
from portal.kit.errors import FieldProblem, Invalid, TooLarge
from portal.kit.i18n import Locale, Message
from portal.kit.memory import Recent
from portal.kit.web import Site, SiteDep, site_of
from portal.widget.dismissals import For, put_aside, take_back
from portal.widget.reading import QUERY_CHARS, find_documents, read_document
from portal.widget.state import shown_to
from portal.widget.tickets import LIFE, entrance, mint

router = APIRouter(prefix="/widget", tags=["widget"])
ASKS: dict[str, Any] = {"security": [{"WidgetToken": []}]}
LOCALE: dict[str, Any] = {
    "name": "locale",
    "in": "query",
    "description": "Of the page, `ja` or `en`; anything else is passed over for the member's own.",
    "schema": {"anyOf": [{"enum": ["ja", "en"]}, {}]},
}
REFUSES = described(401, 403, 404, 429, 503)
EVENTS: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": OWN_BATCH_SCHEMA}}},
}
STATES_KEPT = 3000

Answered = tuple[str, bytes]
"""A validator and the bytes it stands for."""

_states: Recent[tuple[object, ...], Answered] = Recent(STATES_KEPT)


# --- state ------------------------------------------------------------------------------------------------------------


@router.get(
    "/state",
    responses={
        200: STATE,
        304: {"description": "As before."},
        **REFUSES,
    },
    openapi_extra={**ASKS, "parameters": [LOCALE]},
    operation_id="widget_state",
)
async def state(request: Request) -> Response:
    """Everything a panel needs: checklists with their steps, what is put aside, the theme, and where the portal is.

    Answers 304 to `If-None-Match` while nothing has changed.
    """
    # It takes nothing but the request: of all calls this one is the most frequent, and resolving dependencies costs as
    # much as all its work.
    site = site_of(request)
    seat = await seat_of(request, site)
    return _answer(request, await _state(site, seat, language_of(request, site, seat.guest)))


@router.options("/{path:path}", include_in_schema=False)
async def preflight(request: Request, site: SiteDep) -> Response:
    """What a browser asks before it sends: any source's origin may go on to ask."""
    return await answer_preflight(
        request,
        site,
        methods="GET, POST, DELETE",
        headers="authorization, banso-key, content-type, if-none-match",
    )


# --- what a member does -----------------------------------------------------------------------------------------------


@router.post(
    "/steps/{checklist}/{step}/completion",
    responses={200: STATE, **REFUSES},
    openapi_extra=ASKS,
    operation_id="widget_complete_step",
)
async def complete(request: Request, site: SiteDep, checklist: Key, step: Key) -> Response:
    """The member says that a step is done. Answers with the state."""
    seat, now = await seat_of(request, site), site.clock()
    await site.database.write(
        lambda session: complete_step(
            session,
            account_id=seat.guest.viewer.account_id,
            key=checklist,
            step_key=step,
            actor=actor_of(seat.guest.viewer),
            now=now,
            zone=site.zone,
        )
    )
    return await _afterwards(request, site)


@router.delete(
    "/steps/{checklist}/{step}/completion",
    responses={200: STATE, **REFUSES},
    openapi_extra=ASKS,
    operation_id="widget_undo_step",
)
async def undo(request: Request, site: SiteDep, checklist: Key, step: Key) -> Response:
    """The member takes it back. Answers with the state."""
    seat, now = await seat_of(request, site), site.clock()
    await site.database.write(
        lambda session: undo_step(
            session,
            account_id=seat.guest.viewer.account_id,
            key=checklist,
            step_key=step,
            actor=actor_of(seat.guest.viewer),
            now=now,
            zone=site.zone,
        )
    )
    return await _afterwards(request, site)


class DismissalIn(BaseModel):
    """What is put aside, for whom, until when; without `until` for good."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"checklist": "first-30-days"}})

    checklist: str = Field(min_length=1, max_length=64, pattern=LINE)
    for_: Literal["me", "everyone"] = Field(default="me", alias="for", description="`everyone`: admins only.")
    until: MomentIn | None = Field(default=None, description="A year away at most.")


@router.post(
    "/dismissals",
    responses={200: STATE, **described(400, 401, 403, 404, 413, 422, 429, 503)},
    openapi_extra=ASKS | body_schema(DismissalIn),
    operation_id="widget_dismiss",
)
async def dismiss(request: Request, site: SiteDep) -> Response:
    """Put a checklist aside, on every device of the member, or for everyone of the account. Answers with the state."""
    seat, now = await seat_of(request, site), site.clock()
    readers = {"checklist": text(64), "for": text(8), "until": moment}
    told = read(await body_of(request), readers, told_as=DismissalIn, zone=site.zone, needed=["checklist"])
    whom = _whom(told.get("for") or "me")
    await site.database.write(
        lambda session: put_aside(
            session,
            seat.guest.viewer,
            key=str(told["checklist"]),
            whom=whom,
            until=cast("datetime | None", told.get("until")),
            now=now,
        )
    )
    return await _afterwards(request, site)


@router.delete(
    "/dismissals/{checklist}",
    responses={200: STATE, **described(401, 403, 422, 429, 503)},
    openapi_extra=ASKS,
    operation_id="widget_show_again",
)
async def show_again(
    request: Request,
    site: SiteDep,
    checklist: Key,
    for_: Annotated[For, Query(alias="for", description="`everyone`: admins only.")] = "me",
) -> Response:
    """Take a dismissal back. Answers with the state."""
    seat, now = await seat_of(request, site), site.clock()
    await site.database.write(lambda session: take_back(session, seat.guest.viewer, key=checklist, whom=for_, now=now))
    return await _afterwards(request, site)


@router.post(
    "/events",
    responses={200: TAKEN, **described(400, 401, 403, 413, 429, 503)},
    openapi_extra=ASKS | EVENTS,
    operation_id="widget_events",
)
async def events(request: Request, site: SiteDep) -> Response:
    """What the member did in the product: `{"events": [{"event", "properties"?, "messageId"?, "timestamp"?}]}`.

    Taken in as track messages of the token's person, whatever they claim.
    """
    seat, body = await seat_of(request, site), await read_json(request)
    messages = body.get("events")
    if not isinstance(messages, list) or not all(isinstance(one, dict) for one in messages):
        raise Malformed(Message("“events” must be a list of events."))
    if len(messages) > BATCH_EVENTS:
        raise TooLarge(Message("A batch may have 2,500 messages at most."))
    person = seat.person
    own = [
        {**one, "type": "track", "userId": person.member, "context": {"groupId": person.account}} for one in messages
    ]
    sender = Sender(seat.source, from_browser=True, person=person)
    return await take_messages(request, site, sender, own, kind=None, sent_at=body.get("sentAt"))


class PlaceIn(BaseModel):
    """Where a ticket leads to, once it has let its member in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"next": "/tutorials/first-steps"}})

    next: str | None = line(500, description="A path of the portal; its home page where it is none.")


@router.post(
    "/ticket",
    status_code=201,
    responses={201: {"model": TicketOut}, **described(400, 401, 403, 413, 422, 429, 503)},
    openapi_extra=ASKS | body_schema(PlaceIn, required=False),
    operation_id="widget_ticket",
)
async def ticket(request: Request, site: SiteDep) -> Response:
    """A way into the portal without a second sign-in: single-use, bound to the member, good for 60 seconds."""
    seat, now = await seat_of(request, site), site.clock()
    told = read(await body_of(request, optional=True), {"next": text(500)}, told_as=PlaceIn, zone=site.zone)
    token = await site.database.write(
        lambda session: mint(
            session,
            member_id=seat.guest.viewer.member_id,
            next_path=str(told.get("next") or "/"),
            by=f"widget of {seat.source.name}",
            now=now,
        )
    )
    found = TicketOut(url=entrance(site.base_url, token), expires_at=now + LIFE)
    return _json(request, found.model_dump(mode="json"), status=201)


# --- help -------------------------------------------------------------------------------------------------------------


@router.get(
    "/documents",
    responses={200: FOUND, **REFUSES},
    openapi_extra=ASKS,
    operation_id="widget_find_documents",
)
async def documents(request: Request, site: SiteDep, q: Annotated[str, Query(max_length=QUERY_CHARS)] = "") -> Response:
    """Documents of the library that the member may see and that answer `q`; without one, those that come first."""
    seat, now = await seat_of(request, site), site.clock()
    locale = language_of(request, site, seat.guest)

    def work(session: Session) -> list[dict[str, str]]:
        reader = reader_of(seat.guest.viewer)
        found = find_documents(session, reader, q, locale=locale, now=now, zone=site.zone, base_url=site.base_url)
        return [{"key": one.key, "title": one.title, "shelf": one.shelf, "url": one.url} for one in found]

    return _json(request, {"query": q, "results": await site.database.read(work)})


@router.get(
    "/documents/{key}",
    responses={200: {"model": WidgetDocument}, **REFUSES},
    openapi_extra=ASKS,
    operation_id="widget_read_document",
)
async def document(request: Request, site: SiteDep, key: Key) -> Response:
    """A document to be read in place. `body` is its content as nodes: a text, or `[tag, {attributes}?, …children]`."""
    seat, now = await seat_of(request, site), site.clock()
    locale = language_of(request, site, seat.guest)
    found = await site.database.read(
        lambda session: read_document(
            session,
            reader_of(seat.guest.viewer),
            key,
            locale=locale,
            now=now,
            zone=site.zone,
            base_url=site.base_url,
        )
    )
    return _json(request, found)


class SightIn(BaseModel):
    """How long the document was in sight, and how much of it."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"seconds": 42, "depth": 100}})

    seconds: int = Field(ge=0, le=MOST_SEATS)
    depth: int = Field(ge=0, le=MOST_SEATS, description="In %.")


@router.post(
    "/documents/{key}/reading",
    status_code=204,
    responses=described(400, 401, 403, 404, 413, 422, 429, 503),
    openapi_extra=ASKS | body_schema(SightIn),
    operation_id="widget_note_reading",
)
async def reading(request: Request, site: SiteDep, key: Key) -> Response:
    """The member has had the document in sight long enough to have read it: `article.read`, once a day."""
    seat, now = await seat_of(request, site), site.clock()
    readers: dict[str, Reader] = {"seconds": count, "depth": count}
    told = read(await body_of(request), readers, told_as=SightIn, zone=site.zone, needed=list(readers))
    sight = Sight(seconds=cast("int", told["seconds"]), depth=cast("int", told["depth"]))
    await site.database.write(
        lambda session: record_reading(
            session,
            reader_of(seat.guest.viewer),
            key=key,
            locale=language_of(request, site, seat.guest),
            sight=sight,
            now=now,
            zone=site.zone,
        )
    )
    return Response(status_code=204, headers=_headers(request))


# --- answers ----------------------------------------------------------------------------------------------------------


async def _afterwards(request: Request, site: Site) -> Response:
    """The state once an act is done: the same seat, looked at again."""
    seat = await seat_of(request, site)
    return _answer(request, await _state(site, seat, language_of(request, site, seat.guest)))


async def _state(site: Site, seat: Seat, locale: Locale) -> Answered:
    """The state from memory, while the stamp of the account says that it holds and the minute lasts: a day may begin,
    and what was put aside until then comes back."""
    now, viewer = site.clock(), seat.guest.viewer
    # The database is part of the place: several may be open in one process.
    place = (site.database, viewer.member_id, locale, seat.guest.stamp, int(now.timestamp()) // 60)
    kept = _states.find(place)
    if kept is None:
        made = await site.database.read(lambda session: _made(session, site, seat, locale, now))
        kept = _states.get(place, lambda: made)
    return kept


def _made(session: Session, site: Site, seat: Seat, locale: Locale, now: datetime) -> Answered:
    shown = shown_to(
        session,
        seat.guest.viewer,
        locale=locale,
        now=now,
        zone=site.zone,
        base_url=site.base_url,
        vendor_name=site.vendor_name,
    )
    body = orjson.dumps(shown)
    return f'W/"{hashlib.sha256(body).hexdigest()[:24]}"', body


def _answer(request: Request, answered: Answered) -> Response:
    tag, body = answered
    headers = {**_headers(request), "ETag": tag}
    if request.method == "GET" and tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def _json(request: Request, value: object, *, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json", headers=_headers(request))


def _headers(request: Request) -> dict[str, str]:
    allowed = dict(getattr(request.state, "answer_headers", {}))
    exposed = {"Access-Control-Expose-Headers": "ETag, Retry-After"} if allowed else {}
    return {"Cache-Control": "private, no-cache", **allowed, **exposed}


def _whom(said: object) -> For:
    if said == "me":
        return "me"
    if said == "everyone":
        return "everyone"
    problem = FieldProblem("for", "choice", Message("this must be “me” or “everyone”"))
    raise Invalid(UNREADABLE, problems=[problem])
