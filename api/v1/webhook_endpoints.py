"""Webhook endpoints by API: the systems that are told what happens here, and the log of telling them."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, cast
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Path, Query, Request
from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from sqlmodel import Session

from api.auth import Reads, Writes
from api.once import Once
from api.problems import described
from api.v1.bodies import body_of, body_schema, flag, read
from api.v1.shapes import LARGEST_PAGE, LINE, After, Instant, Limit, MomentIn, cursor_of
from portal.accounts.fields import Reader, Unreadable, moment, text
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep
from portal.webhooks import log, service
from portal.webhooks.log import Entry
from portal.webhooks.models import Endpoint
from portal.webhooks.rules import EVENT_TYPES, LONGEST_HEADER, MOST_HEADERS
from portal.webhooks.service import Wanted

router = APIRouter(tags=["webhook endpoints"], prefix="/webhook-endpoints")

EndpointId = Annotated[str, Path(description="The id of an endpoint.", examples=["we_9mVq2sVxk0Wc1yZbT4aR"])]
MessageId = Annotated[
    str, Path(description="The `webhook-id` of a message.", examples=["msg_2KWPBgLlAfxdpx2AI54pPJ85"])
]
Url = Annotated[str, Field(min_length=1, max_length=4000, json_schema_extra={"format": "uri"})]
Types = Annotated[
    list[Annotated[str, Field(json_schema_extra={"enum": list(EVENT_TYPES)})]],
    Field(max_length=100, description="Empty for everything."),
]
Headers = Annotated[
    dict[str, str],
    WithJsonSchema(
        {
            "type": "object",
            "description": "Sent with every message; stored encrypted.",
            "maxProperties": MOST_HEADERS,
            "propertyNames": {"minLength": 1, "maxLength": 100, "pattern": "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"},
            "additionalProperties": {"type": "string", "maxLength": LONGEST_HEADER, "pattern": "^[ -~]*$"},
        }
    ),
]


class EndpointOut(BaseModel):
    """Who is told. `event_types` empty means everything, also what is added later."""

    id: str = Field(examples=["we_9mVq2sVxk0Wc1yZbT4aR"])
    url: str = Field(examples=["https://example.com/hooks"])
    description: str = Field(examples=["CRM"])
    event_types: list[str] = Field(examples=[["checklist.completed"]])
    headers: list[str] = Field(examples=[["authorization"]], description="The names of its own headers.")
    enabled: bool
    disabled_at: Instant | None = Field(examples=[None])
    disabled_because: str | None = Field(examples=[None], description="`person`, `failing` or `gone` (410).")
    failing_since: Instant | None = Field(
        examples=[None], description="The first failure that no success has followed."
    )
    previous_secret_until: Instant | None = Field(
        examples=[None], description="Until then the previous secret signs too."
    )
    created_at: Instant


class EndpointWithSecret(EndpointOut):
    """The endpoint with its secret, which is shown this once."""

    secret: str = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])


class EndpointsOut(BaseModel):
    """Every endpoint, in the order they were added."""

    endpoints: list[EndpointOut]


class EndpointIn(BaseModel):
    """What is said of an endpoint."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"url": "https://example.com/hooks", "event_types": ["checklist.completed"]}},
    )

    url: Url
    description: str | None = Field(default="", max_length=200, pattern=LINE)
    event_types: Types | None = []
    headers: Headers | None = {}
    enabled: bool | None = True


class SinceIn(BaseModel):
    """From when on."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"since": "2026-06-03T00:00:00Z"}})

    since: MomentIn


class RecoveredOut(BaseModel):
    """How many messages are on their way again; with 10,000, ask once more."""

    messages: int = Field(examples=[12])


class MessageOut(BaseModel):
    """A message that is on its way."""

    message: str = Field(examples=["msg_2KWPBgLlAfxdpx2AI54pPJ85"])


class AttemptOut(BaseModel):
    """One attempt. `status` is null where no answer came; `error` says why."""

    id: int = Field(examples=[4711])
    message: str = Field(examples=["msg_2KWPBgLlAfxdpx2AI54pPJ85"])
    type: str = Field(examples=["checklist.completed"])
    at: Instant
    attempt: int = Field(examples=[1], description="1 for the first.")
    ok: bool
    status: int | None = Field(examples=[204])
    milliseconds: int = Field(examples=[87])
    error: str | None = Field(examples=[None])


class AttemptsOut(BaseModel):
    """Attempts, newest first; `next` is the cursor of the following page, null on the last."""

    attempts: list[AttemptOut]
    next: str | None = Field(examples=[None])


def types(value: object, _zone: ZoneInfo) -> list[str]:
    """Types of event; which there are is the service's to say."""
    if not isinstance(value, list) or len(value) > 100 or not all(isinstance(one, str) for one in value):
        raise Unreadable("not_types", Message("this must be a list of types of event"))
    return value


def headers(value: object, _zone: ZoneInfo) -> dict[str, str]:
    """Headers by name."""
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise Unreadable("not_headers", Message("this must be an object of texts, by the name of the header"))
    return value


READERS: dict[str, Reader] = {
    "url": text(4000),
    "description": text(200),
    "event_types": types,
    "headers": headers,
    "enabled": flag,
}


@router.get("", responses=described(401))
async def list_all(site: SiteDep, _key: Reads) -> EndpointsOut:
    """Every endpoint."""

    def work(session: Session) -> EndpointsOut:
        return EndpointsOut(endpoints=[_out(site, one) for one in service.list_endpoints(session)])

    return await site.database.read(work)


@router.post(
    "",
    status_code=201,
    responses=described(400, 401, 403, 409, 413, 422),
    openapi_extra=body_schema(EndpointIn),
)
async def add(request: Request, site: SiteDep, key: Writes, once: Once) -> EndpointWithSecret:
    """Add an endpoint. The secret in the answer is shown this once."""
    body = await body_of(request)
    told = read(body, READERS, told_as=EndpointIn, zone=site.zone, needed=("url",))
    now = site.clock()

    def work(session: Session) -> EndpointWithSecret:
        endpoint, secret = service.add_endpoint(
            session, _wanted(told), secrets=site.secrets, policy=site.outbound.policy, by=f"api key {key}", now=now
        )
        if told.get("enabled") is False:
            service.disable_endpoint(session, endpoint.key, now=now)
        return EndpointWithSecret(**_out(site, endpoint).model_dump(), secret=secret)

    return await once.write(work, EndpointWithSecret, body=body)


@router.get("/{endpoint}", responses=described(401, 404))
async def show(site: SiteDep, _key: Reads, endpoint: EndpointId) -> EndpointOut:
    """One endpoint."""
    return await _read(site, endpoint, service.endpoint_by_key)


@router.patch(
    "/{endpoint}",
    responses=described(400, 401, 403, 404, 413, 422),
    openapi_extra=body_schema(EndpointIn, is_partial=True),
)
async def change(request: Request, site: SiteDep, _key: Writes, endpoint: EndpointId) -> EndpointOut:
    """Change what is given; `headers` replace all there were, `enabled` switches it off and on."""
    told = read(await body_of(request), READERS, told_as=EndpointIn, zone=site.zone)
    now = site.clock()

    def work(session: Session) -> Endpoint:
        row = service.endpoint_by_key(session, endpoint, lock=True)
        before = {"url": row.url, "description": row.description, "event_types": row.event_types}
        policy = site.outbound.policy
        row = service.change_endpoint(
            session, row.key, _wanted({**before, **told}), secrets=site.secrets, policy=policy
        )
        enabled = told.get("enabled")
        if enabled is False:
            return service.disable_endpoint(session, row.key, now=now)
        return service.enable_endpoint(session, row.key) if enabled else row

    return await _written(site, work)


@router.delete("/{endpoint}", status_code=204, responses=described(401, 403, 404))
async def remove(site: SiteDep, _key: Writes, endpoint: EndpointId) -> None:
    """Remove an endpoint, with its log and all that waits for it."""
    await site.database.write(lambda session: service.remove_endpoint(session, endpoint))


@router.post("/{endpoint}/secret", responses=described(400, 401, 403, 404, 409, 422))
async def rotate(site: SiteDep, once: Once, endpoint: EndpointId) -> EndpointWithSecret:
    """A new secret, shown this once. For a day the previous one signs too."""
    now = site.clock()

    def work(session: Session) -> EndpointWithSecret:
        row, secret = service.rotate_secret(session, endpoint, secrets=site.secrets, now=now)
        return EndpointWithSecret(**_out(site, row).model_dump(), secret=secret)

    return await once.write(work, EndpointWithSecret)


@router.delete("/{endpoint}/secret/previous", status_code=204, responses=described(401, 403, 404))
async def forget_previous(site: SiteDep, _key: Writes, endpoint: EndpointId) -> None:
    """The previous secret signs no more, from now on."""
    await site.database.write(lambda session: _nothing(service.forget_previous_secret(session, endpoint)))


@router.post("/{endpoint}/test", status_code=202, responses=described(400, 401, 403, 404, 409, 422))
async def test(site: SiteDep, once: Once, endpoint: EndpointId) -> MessageOut:
    """Send a `webhook.test`, once, even where the endpoint is disabled."""
    now = site.clock()

    def work(session: Session) -> MessageOut:
        return MessageOut(message=service.send_test(session, endpoint, now=now))

    return await once.write(work, MessageOut)


@router.post(
    "/{endpoint}/recover",
    status_code=202,
    responses=described(400, 401, 403, 404, 409, 413, 422),
    openapi_extra=body_schema(SinceIn),
)
async def recover(request: Request, site: SiteDep, once: Once, endpoint: EndpointId) -> RecoveredOut:
    """Send again what happened since then and never arrived; at most 10,000 messages, the oldest first."""
    body = await body_of(request)
    told = read(body, {"since": moment}, told_as=SinceIn, zone=site.zone, needed=("since",))
    since, now = cast("datetime", told["since"]), site.clock()

    def work(session: Session) -> RecoveredOut:
        return RecoveredOut(messages=service.recover(session, endpoint, since=since, now=now))

    return await once.write(work, RecoveredOut, body=body)


@router.post(
    "/{endpoint}/messages/{message}/replay", status_code=202, responses=described(400, 401, 403, 404, 409, 422)
)
async def replay(site: SiteDep, once: Once, endpoint: EndpointId, message: MessageId) -> MessageOut:
    """Send one message again, once, with the id it always had."""
    now = site.clock()

    def work(session: Session) -> MessageOut:
        service.replay(session, endpoint, message, now=now)
        return MessageOut(message=message)

    return await once.write(work, MessageOut)


@router.get("/{endpoint}/attempts", responses=described(401, 404, 422))
async def attempts(
    site: SiteDep,
    _key: Reads,
    endpoint: EndpointId,
    after: After,
    limit: Limit = 50,
    failed: Annotated[bool, Query(description="Only those that failed.")] = False,
) -> AttemptsOut:
    """The log of attempts, newest first, of the last 30 days."""

    def work(session: Session) -> AttemptsOut:
        row = service.endpoint_by_key(session, endpoint)
        found = log.list_attempts(session, row, before=after, limit=min(limit, LARGEST_PAGE) + 1, failed_only=failed)
        shown = found[:limit]
        more = cursor_of(shown[-1].id) if len(found) > limit else None
        return AttemptsOut(attempts=[_attempt(one) for one in shown], next=more)

    return await site.database.read(work)


async def _read(site: Site, key: str, find: Callable[..., Endpoint]) -> EndpointOut:
    return await site.database.read(lambda session: _out(site, find(session, key)))


async def _written(site: Site, work: Callable[[Session], Endpoint]) -> EndpointOut:
    return await site.database.write(lambda session: _out(site, work(session)))


def _wanted(told: dict[str, Any]) -> Wanted:
    return Wanted(
        url=told["url"] or "",
        description=told.get("description") or "",
        event_types=told.get("event_types") or (),
        headers=(told["headers"] or {}) if "headers" in told else None,
    )


def _out(site: Site, row: Endpoint) -> EndpointOut:
    return EndpointOut(
        id=row.key,
        url=row.url,
        description=row.description,
        event_types=row.event_types,
        headers=service.header_names(row, site.secrets),
        enabled=row.disabled_at is None,
        disabled_at=row.disabled_at,
        disabled_because=row.disabled_because,
        failing_since=row.failing_since,
        previous_secret_until=row.previous_until,
        created_at=row.created_at,
    )


def _attempt(one: Entry) -> AttemptOut:
    return AttemptOut(
        id=one.id,
        message=one.message,
        type=one.type,
        at=one.at,
        attempt=one.number,
        ok=one.ok,
        status=one.status,
        milliseconds=one.milliseconds,
        error=one.error,
    )


def _nothing(_row: Endpoint) -> None:
    return None
