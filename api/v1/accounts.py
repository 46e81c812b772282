"""Customers and their people, as other systems see and keep them.

`PUT` says what is known: fields that are given change, `null` clears one, the rest stays, so two systems can each tell
their part. `DELETE` is for good, with everything that belongs to the customer or the person.
"""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import select
from sqlmodel import Session, col

from api.auth import Reads, Writes
from api.problems import described
from api.v1.bodies import body_of, body_schema, known_id, new_id, read, traits
from api.v1.shapes import LINES, AccountId, After, Instant, Limit, MemberId, MomentIn, cursor_of, line
from portal.accounts.fields import ACCOUNT_FIELDS, LOCALE_TAG, MEMBER_FIELDS, MOST_MONEY, MOST_SEATS
from portal.accounts.models import Account, ApiKey, Member
from portal.accounts.people import member_of, upsert_member
from portal.accounts.personal import erase_member
from portal.accounts.service import account_by_external_id, accounts_after, erase_account, id_of, upsert_account
from portal.kit.errors import NotFound
from portal.kit.web import SiteDep

router = APIRouter(tags=["accounts"])

ACCOUNT_READERS = {**ACCOUNT_FIELDS, "traits": traits}
MEMBER_READERS = {**MEMBER_FIELDS, "traits": traits}


class AccountOut(BaseModel):
    """A customer. `stub`: only named by an event so far. `mrr` is the revenue a month, in `currency`."""

    external_id: str = Field(examples=["acme-inc"])
    name: str = Field(examples=["株式会社アクメ"])
    name_kana: str | None = Field(examples=["アクメ"])
    plan: str | None = Field(examples=["pro"])
    seats: int | None = Field(examples=[20])
    tier: str | None = Field(examples=["enterprise"])
    owner: str | None = Field(description="Who looks after it, as the vendor calls them.", examples=["sato"])
    created_at: Instant
    started_at: Instant = Field(description="When onboarding starts; follows `created_at` unless it is set.")
    renews_at: date | None = Field(examples=["2027-06-01"])
    notice_by: date | None = Field(
        description="The last day on which notice can be given before the renewal.", examples=["2027-05-01"]
    )
    mrr: int | float | None = Field(examples=[120000])
    currency: str | None = Field(examples=["JPY"])
    notice_at: Instant | None = Field(description="When the customer gave notice.", examples=[None])
    left_at: Instant | None = Field(description="When the contract ends or ended.", examples=[None])
    goal: str | None = Field(examples=["月末の請求を1日で終える"])
    traits: dict[str, Any] = Field(examples=[{"industry": "建設"}])
    stub: bool = Field(examples=[False])


class AccountsOut(BaseModel):
    """A page of customers, in a steady order."""

    accounts: list[AccountOut]
    next: str | None = Field(description="The `cursor` of the next page; `null` on the last.", examples=[None])


class AccountIn(BaseModel):
    """What is known of a customer. Of `renews_at` and `notice_by` only the day counts."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {"name": "株式会社アクメ", "plan": "pro", "seats": 20, "started_at": "2026-06-01"}
        },
    )

    name: str | None = line(200)
    name_kana: str | None = line(200)
    plan: str | None = line(64)
    seats: int | None = Field(default=None, ge=0, le=MOST_SEATS)
    tier: str | None = line(64)
    owner: str | None = line(200)
    created_at: MomentIn | None = None
    started_at: MomentIn | None = None
    renews_at: MomentIn | None = None
    notice_by: MomentIn | None = None
    mrr: float | None = Field(default=None, ge=0, le=float(MOST_MONEY), multiple_of=0.01)
    currency: str | None = Field(default=None, pattern="^[A-Z]{3}$", max_length=3)
    notice_at: MomentIn | None = None
    left_at: MomentIn | None = None
    goal: str | None = Field(default=None, max_length=1000, pattern=LINES)
    traits: dict[str, Any] | None = Field(default=None, description="Merged by name; `null` drops one.")


class MemberOut(BaseModel):
    """A person of a customer."""

    external_id: str | None = Field(examples=["u-1024"])
    account: str = Field(examples=["acme-inc"])
    email: str | None = Field(examples=["tanaka@acme.example"])
    name: str = Field(examples=["田中 美咲"])
    name_kana: str | None = Field(examples=["タナカ ミサキ"])
    role: str = Field(description="`admin`, `member`, or a word of the vendor's own.", examples=["admin"])
    department: str | None = Field(examples=["経理部"])
    locale: str | None = Field(examples=["ja"])
    joined_at: Instant
    left_at: Instant | None = Field(examples=[None])
    traits: dict[str, Any] = Field(examples=[{}])
    stub: bool = Field(examples=[False])


class MembersOut(BaseModel):
    """A page of the people of a customer."""

    members: list[MemberOut]
    next: str | None = Field(examples=[None])


class MemberIn(BaseModel):
    """What is known of a person. The address is theirs alone within the customer (409 otherwise)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"example": {"email": "tanaka@acme.example", "name": "田中 美咲", "role": "admin"}},
    )

    email: Annotated[str, Field(max_length=254, json_schema_extra={"format": "email"})] | None = None
    name: str | None = line(200)
    name_kana: str | None = line(200)
    role: str | None = line(64)
    department: str | None = line(200)
    locale: str | None = Field(default=None, max_length=35, pattern=LOCALE_TAG.pattern, examples=["ja"])
    joined_at: MomentIn | None = None
    left_at: MomentIn | None = None
    traits: dict[str, Any] | None = Field(default=None, description="Merged by name; `null` drops one.")


# --- customers --------------------------------------------------------------------------------------------------------


@router.get("/accounts", responses=described(401, 422))
async def list_accounts(site: SiteDep, _key: Reads, after: After, limit: Limit = 50) -> AccountsOut:
    """Every customer, a page at a time."""

    def work(session: Session) -> AccountsOut:
        rows = accounts_after(session, after=after, limit=limit + 1)
        more = cursor_of(id_of(rows[limit - 1])) if len(rows) > limit else None
        return AccountsOut(accounts=[_account(row) for row in rows[:limit]], next=more)

    return await site.database.read(work)


@router.get("/accounts/{account}", responses=described(401, 404))
async def show_account(site: SiteDep, _key: Reads, account: AccountId) -> AccountOut:
    """One customer."""
    wanted = known_id(account, site.zone)
    return await site.database.read(lambda session: _account(account_called(session, wanted)))


@router.put(
    "/accounts/{account}",
    responses=described(400, 401, 403, 413, 422),
    openapi_extra=body_schema(AccountIn),
)
async def put_account(request: Request, site: SiteDep, _key: Writes, account: AccountId) -> AccountOut:
    """Make a customer known, or tell more of it."""
    external_id = new_id(account, site.zone)
    changes = read(await body_of(request), ACCOUNT_READERS, told_as=AccountIn, zone=site.zone)
    now = site.clock()
    return await site.database.write(
        lambda session: _account(upsert_account(session, external_id=external_id, changes=changes, now=now))
    )


@router.delete("/accounts/{account}", status_code=204, responses=described(401, 403, 404))
async def delete_account(site: SiteDep, _key: Writes, account: AccountId) -> Response:
    """Erase a customer with its people, their events and all they achieved. The id of one that was merged is 404 here:
    nobody erases the survivor by it."""
    wanted = known_id(account, site.zone)

    def work(session: Session) -> None:
        found = account_called(session, wanted)
        if found.external_id != wanted:
            raise NotFound
        erase_account(session, found)

    await site.database.write(work)
    return Response(status_code=204)


# --- their people -----------------------------------------------------------------------------------------------------


@router.get("/accounts/{account}/members", responses=described(401, 404, 422))
async def list_members(site: SiteDep, _key: Reads, account: AccountId, after: After, limit: Limit = 50) -> MembersOut:
    """Everyone of a customer, those who left too, a page at a time."""
    wanted = known_id(account, site.zone)

    def work(session: Session) -> MembersOut:
        owner = account_called(session, wanted)
        mine = select(Member).where(col(Member.account_id) == id_of(owner), col(Member.id) > after)
        rows = session.execute(mine.order_by(col(Member.id)).limit(limit + 1)).scalars().all()
        more = cursor_of(rows[limit - 1].id or 0) if len(rows) > limit else None
        return MembersOut(members=[_member(owner, row) for row in rows[:limit]], next=more)

    return await site.database.read(work)


@router.get("/accounts/{account}/members/{member}", responses=described(401, 404))
async def show_member(site: SiteDep, _key: Reads, account: AccountId, member: MemberId) -> MemberOut:
    """One person of a customer."""
    wanted, person = known_id(account, site.zone), known_id(member, site.zone)

    def work(session: Session) -> MemberOut:
        owner = account_called(session, wanted)
        return _member(owner, member_called(session, owner, person))

    return await site.database.read(work)


@router.put(
    "/accounts/{account}/members/{member}",
    responses=described(400, 401, 403, 404, 409, 413, 422),
    openapi_extra=body_schema(MemberIn),
)
async def put_member(request: Request, site: SiteDep, _key: Writes, account: AccountId, member: MemberId) -> MemberOut:
    """Make a person known, or tell more of them. The customer must be known."""
    wanted, external_id = known_id(account, site.zone), new_id(member, site.zone)
    changes = read(await body_of(request), MEMBER_READERS, told_as=MemberIn, zone=site.zone)
    now = site.clock()

    def work(session: Session) -> MemberOut:
        owner = account_called(session, wanted)
        return _member(owner, upsert_member(session, owner, external_id=external_id, changes=changes, now=now))

    return await site.database.write(work)


@router.delete("/accounts/{account}/members/{member}", status_code=204, responses=described(401, 403, 404))
async def delete_member(site: SiteDep, key: Writes, account: AccountId, member: MemberId) -> Response:
    """Erase a person everywhere. What they did still counts for the customer, without a name; late events do not bring
    them back. It is on record that this key did it, and when."""
    wanted, person = known_id(account, site.zone), known_id(member, site.zone)
    now = site.clock()

    def work(session: Session) -> None:
        member = member_called(session, account_called(session, wanted), person)
        erase_member(session, member, by=f"API: {session.get_one(ApiKey, key).name}", now=now)

    await site.database.write(work)
    return Response(status_code=204)


# --- finding and showing ----------------------------------------------------------------------------------------------


def account_called(session: Session, external_id: str) -> Account:
    """The customer with this external id, or the survivor of the one that had it; `NotFound` where there is none."""
    found = account_by_external_id(session, external_id)
    if found is None:
        raise NotFound
    return found


def member_called(session: Session, account: Account, external_id: str) -> Member:
    """The person of this customer with this external id; `NotFound` where there is none."""
    found = member_of(session, id_of(account), external_id)
    if found is None:
        raise NotFound
    return found


def _plain(amount: Decimal | None) -> int | float | None:
    if amount is None:
        return None
    return int(amount) if amount == amount.to_integral_value() else float(amount)


def _account(row: Account) -> AccountOut:
    return AccountOut(
        external_id=row.external_id,
        name=row.name,
        name_kana=row.name_kana,
        plan=row.plan_key,
        seats=row.seats,
        tier=row.tier,
        owner=row.owner,
        created_at=row.created_at,
        started_at=row.started_at,
        renews_at=row.renews_at,
        notice_by=row.notice_by,
        mrr=_plain(row.mrr),
        currency=row.currency,
        notice_at=row.notice_at,
        left_at=row.left_at,
        goal=row.goal,
        traits=row.traits,
        stub=row.is_stub,
    )


def _member(account: Account, row: Member) -> MemberOut:
    return MemberOut(
        external_id=row.external_id,
        account=account.external_id,
        email=row.email,
        name=row.name,
        name_kana=row.name_kana,
        role=row.role,
        department=row.department,
        locale=row.locale,
        joined_at=row.joined_at,
        left_at=row.left_at,
        traits=row.traits,
        stub=row.is_stub,
    )
