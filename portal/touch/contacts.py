"""Contacts with customers: written down, taken back, and what follows from them for each customer.

When to come back is what the newest contact says that says anything about it. A contact without a next date ends the
one before: somebody has come back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta

from sqlalchemy import delete, insert, select
from sqlmodel import Session, col

from portal.accounts.service import lock_accounts
from portal.kit.clock import day_end, day_start, local_day
from portal.kit.db import zone_of
from portal.kit.errors import Conflict, Invalid, NotFound
from portal.kit.i18n import Message
from portal.touch.models import Contact, Touch
from portal.touch.rules import Colleague, Said, wrong_with_contact, wrong_with_next

CHUNK = 500
CHANGEABLE = timedelta(days=1)
"""How long after it was written down whoever wrote a contact can put it right."""


def record_contact(session: Session, *, account_id: int, said: Said, by: Colleague, now: datetime) -> Contact:
    """Write down a contact that was made; `Invalid` with everything that is wrong with it."""
    (contact,) = record_contacts(session, account_ids=[account_id], said=said, by=by, now=now)
    return contact


def record_contacts(
    session: Session, *, account_ids: Collection[int], said: Said, by: Colleague, now: datetime
) -> Sequence[Contact]:
    """The same contact with many customers, as after a mail to all of them."""
    problems = wrong_with_contact(said, now=now, today=local_day(now, zone_of(session)))
    if problems:
        raise Invalid(Message("The contact was not saved."), problems=problems)
    return _write(session, account_ids, said, by, now)


def set_next_date(
    session: Session, *, account_ids: Collection[int], next_on: date | None, by: Colleague, now: datetime
) -> None:
    """Come back to these customers on `next_on`, or (None) not on any day; a note on record says who said so."""
    problems = wrong_with_next(next_on, today=local_day(now, zone_of(session)))
    if problems:
        raise Invalid(problems[0].message, problems=problems)
    _write(session, account_ids, Said("note", now, "", next_on=next_on, clears_next=True), by, now)


def may_change(contact: Contact, *, staff_id: int | None, now: datetime) -> bool:
    """Whether it can still be put right: by who wrote it, within a day, and while it stands."""
    is_author = contact.staff_id is not None and contact.staff_id == staff_id
    return is_author and contact.removed_at is None and now < contact.recorded_at + CHANGEABLE


def change_contact(session: Session, contact: Contact, *, said: Said, by: Colleague, now: datetime) -> None:
    """Put a contact right. What it said before stays on record as one taken back; `Conflict` where it may not be
    changed any more, `Invalid` with everything that is wrong with what is said now."""
    if not may_change(contact, staff_id=by.id, now=now):
        raise Conflict(Message("Only who wrote a contact can change it, and only within a day. Nothing was changed."))
    problems = wrong_with_contact(said, now=now, today=local_day(now, zone_of(session)))
    if problems:
        raise Invalid(Message("The contact was not saved."), problems=problems)
    before = contact.model_dump(exclude={"id"})
    session.add(Contact(**{**before, "removed_at": now, "removed_by": by.name[:200]}))
    contact.kind, contact.at = said.kind, min(said.at, now)
    contact.with_whom, contact.text = said.with_whom.strip(), said.text.strip()
    contact.sets_next, contact.next_on = said.sets_next, said.next_on
    session.add(contact)
    follow(session, [contact.account_id])


def remove_contact(session: Session, contact: Contact, *, by: Colleague, now: datetime) -> None:
    """Take a contact back: it stays on record, and counts no more."""
    if contact.removed_at is None:
        contact.removed_at, contact.removed_by = now, by.name[:200]
        session.add(contact)
        follow(session, [contact.account_id])


def restore_contact(session: Session, contact: Contact) -> None:
    """It was one after all."""
    contact.removed_at, contact.removed_by = None, ""
    session.add(contact)
    follow(session, [contact.account_id])


def contact_by_id(session: Session, contact_id: int) -> Contact:
    """The contact, taken back or not; `NotFound` otherwise."""
    found = session.get(Contact, contact_id)
    if found is None:
        raise NotFound
    return found


def contacts_of(session: Session, account_id: int, *, limit: int) -> Sequence[Contact]:
    """The latest contacts with a customer that stand, newest first."""
    asked = (
        select(Contact)
        .where(col(Contact.account_id) == account_id, col(Contact.removed_at).is_(None))
        .order_by(col(Contact.at).desc(), col(Contact.id).desc())
        .limit(limit)
    )
    return session.execute(asked).scalars().all()


def removed_contacts_of(session: Session, account_id: int, *, limit: int) -> Sequence[Contact]:
    """The contacts with a customer that were taken back last, to be brought back."""
    asked = (
        select(Contact)
        .where(col(Contact.account_id) == account_id, col(Contact.removed_at).is_not(None))
        .order_by(col(Contact.removed_at).desc(), col(Contact.id).desc())
        .limit(limit)
    )
    return session.execute(asked).scalars().all()


def touches_of(session: Session, account_ids: Collection[int]) -> Mapping[int, Touch]:
    """The last contact and the next date of each of these customers; whoever has neither is missing."""
    found: dict[int, Touch] = {}
    ids = sorted(account_ids)
    for start in range(0, len(ids), CHUNK):
        asked = select(Touch).where(col(Touch.account_id).in_(ids[start : start + CHUNK]))
        found |= {row.account_id: row for row in session.execute(asked).scalars()}
    return found


def _write(
    session: Session, account_ids: Collection[int], said: Said, by: Colleague, now: datetime
) -> Sequence[Contact]:
    rows = [
        Contact(
            account_id=account_id,
            kind=said.kind,
            at=min(said.at, now),
            with_whom=said.with_whom.strip(),
            text=said.text.strip(),
            sets_next=said.sets_next,
            next_on=said.next_on,
            staff_id=by.id,
            by=by.key,
            by_name=by.name[:200],
            recorded_at=now,
        )
        for account_id in account_ids
    ]
    session.add_all(rows)
    follow(session, account_ids)
    return rows


def contact_days(session: Session, first: date, last: date) -> Mapping[int, Collection[date]]:
    """The days from `first` to `last` on which each customer was in contact with us, notes left aside."""
    zone = zone_of(session)
    asked = select(col(Contact.account_id), col(Contact.at)).where(
        col(Contact.at) >= day_start(first, zone),
        col(Contact.at) < day_end(last, zone),
        col(Contact.kind) != "note",
        col(Contact.removed_at).is_(None),
    )
    found: dict[int, set[date]] = {}
    for account_id, at in session.execute(asked):
        found.setdefault(account_id, set()).add(local_day(at, zone))
    return found


def follow(session: Session, account_ids: Collection[int]) -> None:
    """Work out anew where these customers stand with us."""
    session.flush()
    ids = sorted(account_ids)
    for start in range(0, len(ids), CHUNK):
        some = ids[start : start + CHUNK]
        lock_accounts(session, some)
        asked = (
            select(
                col(Contact.account_id),
                col(Contact.kind),
                col(Contact.at),
                col(Contact.sets_next),
                col(Contact.next_on),
            )
            .where(col(Contact.account_id).in_(some), col(Contact.removed_at).is_(None))
            .order_by(col(Contact.id))
        )
        standing: dict[int, dict[str, object]] = {}
        for account_id, kind, at, sets_next, next_on in session.execute(asked):
            row = standing.setdefault(
                account_id, {"account_id": account_id, "last_at": None, "last_kind": "", "next_on": None}
            )
            if sets_next:
                row["next_on"] = next_on
            known = row["last_at"]
            if kind != "note" and (not isinstance(known, datetime) or at >= known):
                row["last_at"], row["last_kind"] = at, kind
        session.execute(delete(Touch).where(col(Touch.account_id).in_(some)))
        if standing:
            session.execute(insert(Touch), list(standing.values()))
