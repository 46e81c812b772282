"""A way into the portal, asked for by the product's server: its users follow it and are signed in."""

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from api.auth import Writes
from api.once import Once
from api.problems import described
from api.v1.accounts import account_called, member_called
from api.v1.bodies import body_of, body_schema, known_id, read
from api.v1.shapes import AccountId, Instant, MemberId, line
from portal.accounts.fields import text
from portal.accounts.models import ApiKey
from portal.kit.errors import Forbidden
from portal.kit.i18n import Message
from portal.kit.web import SiteDep
from portal.widget.tickets import LIFE, entrance, mint

router = APIRouter(tags=["widget"])


class TicketIn(BaseModel):
    """Where it leads to, once signed in."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"next": "/manuals/inviting"}})

    next: str | None = line(500, description="A path of the portal; its home page where it is none.")


class TicketOut(BaseModel):
    """An address that signs the member in: once, within a minute."""

    url: str = Field(examples=["https://portal.example.com/enter?ticket=tkt_…"])
    expires_at: Instant


@router.post(
    "/accounts/{account}/members/{member}/ticket",
    status_code=201,
    responses=described(400, 401, 403, 404, 413, 422),
    openapi_extra=body_schema(TicketIn, required=False),
    operation_id="mint_ticket",
)
async def ticket(
    request: Request, site: SiteDep, api_key: Writes, once: Once, account: AccountId, member: MemberId
) -> TicketOut:
    """A single-use ticket for the portal, bound to the member, good for 60 seconds: send their browser to `url`."""
    wanted, person = known_id(account, site.zone), known_id(member, site.zone)
    body = await body_of(request, optional=True)
    told = read(body, {"next": text(500)}, told_as=TicketIn, zone=site.zone)
    now = site.clock()

    def work(session: Session) -> TicketOut:
        owner = account_called(session, wanted)
        found = member_called(session, owner, person)
        if any(at is not None and at <= now for at in (owner.left_at, found.left_at)):
            raise Forbidden(Message("This person, or their company, is no longer here."))
        key = session.get_one(ApiKey, api_key)
        onward = str(told.get("next") or "/")
        token = mint(session, member_id=found.id or 0, next_path=onward, by=key.name, now=now)
        return TicketOut(url=entrance(site.base_url, token), expires_at=now + LIFE)

    return await once.write(work, TicketOut, body=body)
