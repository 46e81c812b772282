"""Who sits in front of the widget: the member whom a token names, found with one statement; introduced where unknown.

A person who opens the product for the first time sees their checklist at once: the token is the vendor's word on who
they are, exactly as an `identify` from its server, and goes the same way.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import and_, bindparam, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.viewers import MemberViewer
from portal.checklists.models import Checklist
from portal.content.models import Edition
from portal.events.ingest import ingest
from portal.events.models import Source
from portal.events.rules import Incoming, Person
from portal.events.sources import PORTAL, KnownSource
from portal.kit.prepared import Prepared
from portal.widget.models import WidgetStamp, WidgetTheme
from portal.widget.stamps import watch

Stamp = tuple[object, ...]
"""Equal for two looks at the same account exactly when both would show the same, as far as the database knows."""


@dataclass(frozen=True)
class Guest:
    """A member as the widget knows them. `stamp` is None until `welcome` has been asked to watch their account."""

    viewer: MemberViewer
    stamp: Stamp | None
    is_stub: bool
    has_left: bool


def find_guest(session: Session, person: Person, *, now: datetime) -> Guest | None:
    """The member `person` is; None where nobody has told of them yet."""
    asked = {"account": person.account, "member": person.member}
    row = _GUEST.first(session, asked)
    return None if row is None else _guest(_Member(*row), person, now)


def find_seat(
    session: Session, public_key: str, person: Person, *, now: datetime
) -> tuple[KnownSource, Guest | None] | None:
    """The live source with this key, and the member `person` is: in one look, since nothing is asked more often.

    None where there is no such source. That the person may be believed is for the caller to have found out.
    """
    asked = {"key": public_key, "account": person.account, "member": person.member}
    found = _SEAT.first(session, asked)
    if found is None:
        return None
    member = _Member(*found[: len(_MEMBER)])
    source_id, name, origins, secret, previous, until, last_seen_at, events_per_second = found[len(_MEMBER) :]
    source = KnownSource(
        id=source_id,
        name=name,
        origins=tuple(origins),
        signing_secret=secret,
        previous_signing_secret=previous if until is not None and until > now else None,
        last_seen_at=last_seen_at,
        events_per_second=events_per_second,
    )
    return source, None if member.member_id is None else _guest(member, person, now)


class _Member(NamedTuple):
    """What is asked of the member a token names, in the order of `_MEMBER`; all None where there is none."""

    member_id: int
    external_id: str
    member_name: str
    email_key: str | None
    role: str
    locale: str | None
    left_at: datetime | None
    is_stub: bool
    account_id: int
    account_name: str
    account_left_at: datetime | None
    number: int | None
    edition: str | None
    versions: int | None
    archived: int | None
    theme: datetime | None


def _guest(row: _Member, person: Person, now: datetime) -> Guest:
    viewer = MemberViewer(
        visit_id=0,
        last_seen_at=now,
        member_id=row.member_id,
        account_id=row.account_id,
        external_id=row.external_id,
        account_external_id=person.account,
        name=row.member_name or row.email_key or row.external_id,
        email_key=row.email_key,
        role=row.role,
        account_name=row.account_name,
        locale=row.locale or person.traits.get("locale"),
        memberships=((row.member_id, row.account_name),),
    )
    left = any(at is not None and at <= now for at in (row.left_at, row.account_left_at))
    stamp = None if row.number is None else (row.number, row.edition, row.versions, row.archived, row.theme)
    return Guest(viewer, stamp, row.is_stub, left)


def is_news(guest: Guest, person: Person) -> bool:
    """Whether the token tells of them what nobody has told yet, or their account is not watched."""
    return guest.stamp is None or (guest.is_stub and bool(person.traits))


def welcome(
    session: Session, person: Person, *, source_id: int, now: datetime, zone: ZoneInfo, known: Guest | None
) -> Guest | None:
    """Introduce the person of a token where they or their traits are not known, and watch their account from now on."""
    if known is None or (known.is_stub and person.traits):
        said = repr((person.member, person.account, sorted(person.traits.items())))
        told = Incoming(
            kind="identify",
            # The same token says the same thing once, however often it is shown.
            message_id=f"widget:{hashlib.sha256(said.encode()).hexdigest()[:40]}",
            name="identify",
            at=now,
            user_ref=person.member,
            group_ref=person.account,
            properties=dict(person.traits),
        )
        ingest(session, [told], source_id=source_id, received_at=now, zone=zone, from_browser=True)
        known = find_guest(session, person, now=now)
    if known is not None and known.stamp is None:
        watch(session, known.viewer.account_id)
        known = find_guest(session, person, now=now)
    return known


_MEMBER: tuple[Any, ...] = (
    col(Member.id),
    col(Member.external_id),
    col(Member.name),
    col(Member.email_key),
    col(Member.role),
    col(Member.locale),
    col(Member.left_at),
    col(Member.is_stub),
    col(Account.id),
    col(Account.name),
    col(Account.left_at),
    col(WidgetStamp.number),
    select(col(Edition.token)).limit(1).scalar_subquery(),
    select(func.sum(col(Checklist.version))).scalar_subquery(),
    select(func.count(col(Checklist.archived_at))).scalar_subquery(),
    select(col(WidgetTheme.changed_at)).scalar_subquery(),
)
_IS_ACCOUNT = col(Account.external_id) == bindparam("account")
_IS_MEMBER = and_(col(Member.account_id) == col(Account.id), col(Member.external_id) == bindparam("member"))
_IS_STAMP = col(WidgetStamp.account_id) == col(Account.id)
_GUEST = Prepared(
    select(*_MEMBER).select_from(Account).join(Member, _IS_MEMBER).outerjoin(WidgetStamp, _IS_STAMP).where(_IS_ACCOUNT)
)
_SEAT = Prepared(
    select(
        *_MEMBER,
        col(Source.id),
        col(Source.name),
        col(Source.origins),
        col(Source.signing_secret),
        col(Source.previous_signing_secret),
        col(Source.previous_signing_secret_until),
        col(Source.last_seen_at),
        col(Source.events_per_second),
    )
    .select_from(Source)
    .outerjoin(Account, _IS_ACCOUNT)
    .outerjoin(Member, _IS_MEMBER)
    .outerjoin(WidgetStamp, _IS_STAMP)
    .where(col(Source.public_key) == bindparam("key"), col(Source.revoked_at).is_(None), col(Source.name) != PORTAL)
)
