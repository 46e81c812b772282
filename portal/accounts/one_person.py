"""Two entries of one customer that turn out to be one person: an import knew the address, the product's events the id.

Everything of the one becomes the other's, and the one is gone, on record. What belongs to a person is found by the
foreign keys of all tables, as when customers are merged. Events, which are too many for that, and whatever a room keeps
of a person otherwise, are the business of those rooms: they follow `joined`. It cannot be undone: what two said of one
person cannot be told apart later, so whoever calls this is certain.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.changes import Subscribers, gathered, touched
from portal.accounts.inserts import table_of
from portal.accounts.models import Member, MemberJoin
from portal.accounts.records import AccountMerge
from portal.accounts.rows_of import repoint, rows_of_people
from portal.accounts.rules import from_double, member_values
from portal.accounts.service import lock_accounts
from portal.kit import jobs
from portal.kit.db import chunks

SETTLE_JOB: Final = "people.settle"
SETTLE_AFTER: Final = timedelta(minutes=2)
"""By then whatever was under way for the entry that went has been written."""


@dataclass(frozen=True)
class PeopleJoined:
    """Two entries that are one from now on, while both are still there. `alias` is what the product called the one that
    goes, where it calls the one that stays something else (`called`)."""

    account_id: int
    keep_id: int
    gone_id: int
    alias: str | None
    called: str | None


joined: Subscribers[PeopleJoined] = Subscribers()
"""Each folds what one room keeps of the two. Told before the rows that name them by their ids move."""


def join_people(session: Session, *, keep: Member, gone: Member, now: datetime) -> None:
    """Everything of `gone` is `keep`'s from now on; `LookupError` for one and the same, or people of two customers.

    What `keep` lacks it has from `gone`. Who has left stays so: staff said it, and the other entry says nothing of it.
    """
    account_id, keep_id, gone_id = keep.account_id, keep.id, gone.id
    if keep_id is None or gone_id is None or keep_id == gone_id or gone.account_id != account_id:
        raise LookupError("these are not two people of one customer")
    lock_accounts(session, [account_id])
    session.flush()
    known, double = _values(keep), _values(gone)
    is_alias = keep.external_id is not None and gone.external_id is not None
    alias = gone.external_id if is_alias else None
    left_at = max(filter(None, (keep.left_at, gone.left_at)), default=None)
    with gathered(session, now=now):
        joined.tell(session, PeopleJoined(account_id, keep_id, gone_id, alias, keep.external_id), now=now)
        repoint(session, rows_of_people(session, account_id, [keep_id, gone_id]), {"member": {gone_id: keep_id}})
        session.delete(gone)
        session.flush()
        values = member_values(known, {**from_double(known, double), "left_at": left_at})
        values["is_stub"] = known["is_stub"] and double["is_stub"]
        for name, value in values.items():
            setattr(keep, name, value)
        session.add(keep)
        session.add(MemberJoin(gone_id=gone_id, account_id=account_id, member_id=keep_id, at=now))
        # No merge of customers can be taken back exactly any more that knew these as two.
        session.execute(update(AccountMerge).where(col(AccountMerge.account_id) == account_id).values(undo={}))
        session.flush()
        session.expire_all()
        touched(session, [account_id], now=now)
    # Another transaction may be storing something for the entry that went, which it has seen before.
    key, told_to = f"{SETTLE_JOB}:{account_id}:{gone_id}", {"account": account_id}
    jobs.enqueue(session, SETTLE_JOB, told_to, now=now, run_at=now + SETTLE_AFTER, dedupe_key=key)


def settle(session: Session, account_id: int, *, now: datetime) -> None:
    """Give what came in meanwhile to whom it belongs: for the job. Whoever follows changes of customers looks again."""
    touched(session, [account_id], now=now)


def survivors_of(session: Session, members: Collection[int]) -> dict[tuple[int, int], int]:
    """Of these ids of people who are no more, (customer, id): who they are now; the erased are nobody."""
    found: dict[tuple[int, int], int] = {}
    there = col(Member.id) == col(MemberJoin.member_id)
    asked = select(col(Member.account_id), col(MemberJoin.gone_id), col(MemberJoin.member_id)).join(Member, there)
    for some in chunks(sorted(members)):
        for account_id, gone_id, keep_id in session.execute(asked.where(col(MemberJoin.gone_id).in_(some))):
            found[account_id, gone_id] = keep_id
    return found


def _values(member: Member) -> dict[str, object]:
    return {column.name: getattr(member, column.name) for column in table_of(Member).columns}
