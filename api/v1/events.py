"""Events out: what is on record, newest first, a page at a time."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field
from sqlmodel import Session

from api.auth import Reads
from api.problems import described
from api.v1.shapes import LARGEST_ID, cursor_query, packed, unpacked
from portal.accounts.people import member_of, memberships_by_external_id
from portal.accounts.service import account_by_external_id
from portal.events.export import MEDIA_TYPE, as_file, jsonl
from portal.events.reads import LARGEST_PAGE, Cursor, EventFilters, Listed, list_events
from portal.events.sources import source_named
from portal.kit.errors import NotFound
from portal.kit.web import SiteDep

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LAST = datetime(9999, 1, 1, tzinfo=UTC) - EPOCH
CURSOR_BYTES = 16
"""Of when the last event of a page happened, and of its id."""
router = APIRouter(tags=["events"])


def _written(value: object) -> object:
    """Written out: a bare number would be taken for seconds since 1970, which nobody means."""
    if isinstance(value, str) and "-" not in value[1:]:
        raise ValueError("write an instant like 2026-06-03T05:00:00Z")
    return value


Moment = Annotated[AwareDatetime, BeforeValidator(_written)]


def _name(text: str) -> Any:
    return Query(min_length=1, max_length=200, description=text)


Customer = Annotated[str | None, _name("The customer's external id.")]
Person = Annotated[str | None, _name("The member's external id.")]
EventName = Annotated[str | None, _name("What happened.")]
SourceName = Annotated[str | None, _name("The name of a source.")]
From = Annotated[Moment | None, Query(alias="from", description="What happened then or later.")]
To = Annotated[Moment | None, Query(description="What happened before then.")]
EXPORTED = (
    '{"message_id":"5f1c2c1e-8a6e-4c1b-9d3a-0a6f1f0e7a11","event":"invoice.sent","at":"2026-06-03T05:00:00Z",'
    '"received_at":"2026-06-03T05:00:02Z","source":"product","account":"acme-inc","member":"u-1024",'
    '"properties":{"lines":3}}\n'
)


class EventOut(BaseModel):
    """One event. `account` and `member` are the ids of the product; null while nobody knows whose it is."""

    message_id: str = Field(examples=["5f1c2c1e-8a6e-4c1b-9d3a-0a6f1f0e7a11"])
    event: str = Field(examples=["invoice.sent"])
    at: datetime = Field(examples=["2026-06-03T05:00:00Z"])
    received_at: datetime = Field(examples=["2026-06-03T05:00:02Z"])
    source: str = Field(examples=["product"])
    account: str | None = Field(examples=["acme-inc"])
    member: str | None = Field(examples=["u-1024"])
    properties: dict[str, Any] = Field(examples=[{"lines": 3}])


class EventPage(BaseModel):
    """`next` is the `cursor` of the page after this one, null on the last."""

    events: list[EventOut]
    next: str | None = Field(examples=[None])


@router.get("/events", responses=described(401, 403, 404, 422, 503), operation_id="list_events")
async def events(
    site: SiteDep,
    _key: Reads,
    account: Customer = None,
    member: Person = None,
    event: EventName = None,
    source: SourceName = None,
    from_: From = None,
    to: To = None,
    cursor: Annotated[str | None, cursor_query(CURSOR_BYTES)] = None,
    limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE, description="How many at most.")] = 50,
) -> EventPage:
    """Events on record, newest first. An account, member or source that does not exist is a 404."""
    after = _read_cursor(cursor) if cursor else None

    def work(session: Session) -> tuple[list[Listed], Cursor | None]:
        filters = EventFilters(
            account_id=_account_id(session, account),
            members=_members(session, account, member),
            event=event,
            source_id=_source_id(session, source),
            from_at=from_,
            to_at=to,
        )
        return list_events(session, filters, cursor=after, limit=limit)

    page, following = await site.database.report(work)
    return EventPage(events=[_out(one) for one in page], next=_write_cursor(following) if following else None)


@router.get(
    "/events/export",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "One JSON object a line, with the fields of an event, oldest first.",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}, "example": EXPORTED}},
        },
        **described(401, 403, 404, 422, 503),
    },
    operation_id="export_events",
)
async def export_events(
    site: SiteDep,
    _key: Reads,
    account: Customer = None,
    member: Person = None,
    event: EventName = None,
    source: SourceName = None,
    from_: From = None,
    to: To = None,
) -> StreamingResponse:
    """All raw events that are still kept, as JSONL, streamed. What arrives meanwhile may be in it or not."""

    def work(session: Session) -> EventFilters:
        return EventFilters(
            account_id=_account_id(session, account),
            members=_members(session, account, member),
            event=event,
            source_id=_source_id(session, source),
            from_at=from_,
            to_at=to,
        )

    filters = await site.database.read(work)
    return StreamingResponse(jsonl(site.database, filters), media_type=MEDIA_TYPE, headers=as_file("events"))


def _out(one: Listed) -> EventOut:
    return EventOut(
        message_id=one.message_id,
        event=one.event,
        at=one.at,
        received_at=one.received_at,
        source=one.source,
        account=one.account,
        member=one.member,
        properties=dict(one.properties),
    )


def _account_id(session: Session, account: str | None) -> int | None:
    if account is None:
        return None
    found = account_by_external_id(session, account)
    if found is None:
        raise NotFound
    return found.id


def _members(session: Session, account: str | None, member: str | None) -> list[tuple[int, int]] | None:
    """The person in the account asked for; without one, everywhere they are a member."""
    if member is None:
        return None
    account_id = _account_id(session, account)
    if account_id is None:
        found = list(memberships_by_external_id(session, member))
    else:
        found = [one for one in [member_of(session, account_id, member)] if one is not None]
    if not found:
        raise NotFound
    return [(one.account_id, one.id) for one in found if one.id is not None]


def _source_id(session: Session, source: str | None) -> int | None:
    if source is None:
        return None
    found = source_named(session, source)
    if found is None:
        raise NotFound
    return found


def _write_cursor(cursor: Cursor) -> str:
    micros = (cursor.at - EPOCH) // MICROSECOND
    return packed(micros.to_bytes(8, signed=True) + cursor.id.to_bytes(8))


def _read_cursor(text: str) -> Cursor:
    numbers = unpacked(text, size=CURSOR_BYTES)
    micros = min(max(int.from_bytes(numbers[:8], signed=True), 0), LAST // MICROSECOND)
    return Cursor(EPOCH + micros * MICROSECOND, min(int.from_bytes(numbers[8:]), LARGEST_ID))
