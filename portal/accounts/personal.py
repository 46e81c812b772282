"""What is held of one person: given out as a whole, or erased, as the law gives everybody the right to ask.

Each room knows its own tables. So the composition root subscribes a holder and an eraser for each, and this room asks
them all, in the one transaction: nothing is left behind because somebody forgot to ask. What an account did stays, as
done by nobody in particular.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import delete, or_, select, update
from sqlmodel import Session, col

from portal.accounts.changes import Subscribers, touched
from portal.accounts.models import Account, Erasure, Invitation, Member, SignInLink, Staff, Visit
from portal.accounts.people import member_row
from portal.accounts.records import AccountMerge, CustomerImport
from portal.accounts.service import lock_accounts
from portal.accounts.tombstones import bury
from portal.accounts.traces import Traces, traces_of
from portal.kit import jobs
from portal.kit.db import secrets_of
from portal.kit.errors import FieldProblem, Invalid
from portal.kit.i18n import Message
from portal.kit.sql import mentions

SWEEP_JOB = "person.sweep"
SWEEP_AFTER = timedelta(minutes=2)
"""By then whatever was under way when the person was erased has been written."""
LONGEST_REASON = 1000
LONGEST_NAME = 200


@dataclass(frozen=True)
class Person:
    """A member as the rooms are asked about them. `is_elsewhere`: the product's id is a member's of another customer
    too, whose data stays."""

    account_id: int
    member_id: int
    external_id: str | None
    email_key: str | None
    traces: Traces
    is_elsewhere: bool


Holder = Callable[[Session, Person], Mapping[str, Any]]
erasers: Subscribers[Person] = Subscribers()
"""Each takes a person out of the tables of one room. Told again a little later, so it bears being told twice."""
_holders: list[Holder] = []


def subscribe(*, holder: Holder | None = None, eraser: Callable[[Session, Person, datetime], None]) -> None:
    """A room that holds something of people: `holder` says what, `eraser` takes it away. Twice counts once."""
    erasers.subscribe(eraser)
    if holder is not None and holder not in _holders:
        _holders.append(holder)


def person_of(session: Session, member: Member) -> Person:
    """Who `member` is, to ask the rooms about."""
    assert member.id is not None
    elsewhere = False
    if member.external_id is not None:
        others = select(col(Member.id)).where(
            col(Member.external_id) == member.external_id, col(Member.account_id) != member.account_id
        )
        elsewhere = session.execute(others.limit(1)).first() is not None
    row = member_row(member)
    return Person(member.account_id, member.id, member.external_id, member.email_key, traces_of(row), elsewhere)


def everything_about(session: Session, member: Member, *, now: datetime) -> dict[str, Any]:
    """All that is held of the person, in the words of the interface, ready to be written as JSON."""
    person = person_of(session, member)
    account = session.get_one(Account, member.account_id)
    visits = select(Visit).where(col(Visit.member_id) == member.id).order_by(col(Visit.created_at), col(Visit.id))
    told: dict[str, Any] = {
        "exported_at": now,
        "account": {"external_id": account.external_id, "name": account.name},
        "profile": {name: value for name, value in member_row(member).items() if name not in PLUMBING},
        "sign_ins": [
            {"device": one.device, "from": one.created_at, "last_seen": one.last_seen_at, "ended": one.revoked_at}
            for one in session.execute(visits).scalars()
        ],
    }
    for holder in tuple(_holders):
        told |= holder(session, person)
    return told


PLUMBING = frozenset({"id", "account_id", "email_key"})


def erase_member(session: Session, member: Member, *, by: str, reason: str = "", now: datetime) -> None:
    """Erase the person everywhere. What they did stays with the customer, as done by nobody in particular.

    On record is who did it, when and why, and nothing of whom. Late events do not bring the person back.
    """
    if len(reason) > LONGEST_REASON:
        said = Message("The reason may have %(limit)s characters at most.", limit=LONGEST_REASON)
        raise Invalid(said, problems=[FieldProblem("reason", "length", said)])
    account_id = member.account_id
    lock_accounts(session, [account_id])
    person = person_of(session, member)
    if person.external_id is not None:
        bury(session, account_id=account_id, external_id=person.external_id, now=now)
    session.delete(member)
    session.flush()
    erasers.tell(session, person, now=now)
    touched(session, [account_id], now=now)
    session.add(
        Erasure(
            account_id=account_id,
            member_id=person.member_id,
            at=now,
            by=person.traces.out_of(by)[:LONGEST_NAME],
            reason=person.traces.out_of(reason.strip()),
        )
    )
    session.flush()
    sealed = secrets_of(session).encrypt(orjson.dumps(_packed(person)).decode())
    jobs.enqueue(session, SWEEP_JOB, {"sealed": sealed}, now=now, run_at=now + SWEEP_AFTER)


def erasures_of(session: Session, account_id: int) -> Sequence[Erasure]:
    """The people erased from this customer, on record, the last first."""
    asked = select(Erasure).where(col(Erasure.account_id) == account_id).order_by(col(Erasure.id).desc())
    return session.execute(asked).scalars().all()


def sweep(session: Session, sealed: str, *, job_id: int, now: datetime) -> None:
    """Erase once more what was being written while the person was erased; the job then forgets who it was."""
    erasers.tell(session, _unpacked(orjson.loads(secrets_of(session).decrypt(sealed))), now=now)
    session.execute(update(jobs.Job).where(col(jobs.Job.id) == job_id).values(payload={}))


def erase_own(session: Session, person: Person, now: datetime) -> None:
    """The eraser of this room, and of the jobs and mails that wait: for the composition root to subscribe."""
    account = session.get(Account, person.account_id)
    if account is not None:
        goal = person.traces.out_of(account.goal) if account.goal else account.goal
        traits = person.traces.scrubbed(account.traits)
        if (goal, traits) != (account.goal, account.traits):
            account.goal, account.traits = goal, traits
            session.add(account)
    if person.email_key is not None and not _address_is_used(session, person):
        session.execute(delete(SignInLink).where(col(SignInLink.email_key) == person.email_key))
    invited = (
        select(Invitation)
        .join(Member, col(Member.id) == col(Invitation.member_id))
        .where(col(Member.account_id) == person.account_id)
    )
    for row in session.execute(invited).scalars().all():
        row.by, row.by_name = person.traces.out_of(row.by), person.traces.out_of(row.by_name)
        session.add(row)
    _scrub_jobs(session, person)
    # A file that waits to be imported may name anybody, and no merge that named them can be undone exactly any more.
    session.execute(delete(CustomerImport).where(col(CustomerImport.state) != "done"))
    session.execute(update(AccountMerge).where(col(AccountMerge.account_id) == person.account_id).values(undo={}))
    session.flush()


def _address_is_used(session: Session, person: Person) -> bool:
    return any(
        session.execute(select(col(table.id)).where(col(table.email_key) == person.email_key).limit(1)).first()
        for table in (Member, Staff)
    )


def _scrub_jobs(session: Session, person: Person) -> None:
    """A mail to the person is not sent any more; of all else only the words about them go."""
    job = jobs.Job
    texts = (col(job.payload), col(job.error))
    found = select(job).where(or_(*(mentions(text, needle) for text in texts for needle in person.traces.needles)))
    for row in session.execute(found).scalars().all():
        to = row.payload.get("to")
        if row.state == "waiting" and isinstance(to, str) and person.traces.is_whole(to):
            session.delete(row)
            continue
        row.payload = person.traces.scrubbed(row.payload)
        row.error = person.traces.out_of(row.error) if row.error else row.error
        session.add(row)


def _packed(person: Person) -> dict[str, Any]:
    return {
        "account_id": person.account_id,
        "member_id": person.member_id,
        "external_id": person.external_id,
        "email_key": person.email_key,
        "identifiers": list(person.traces.identifiers),
        "is_elsewhere": person.is_elsewhere,
    }


def _unpacked(told: Mapping[str, Any]) -> Person:
    kept = {name: value for name, value in told.items() if name != "identifiers"}
    return Person(**kept, traces=Traces(tuple(told["identifiers"])))
