"""Who is in which segment: rows that follow what they depend on, in the transaction of the change.

An account is looked at again when it changes, when an event came in that a segment asks about, and when it completed a
checklist that one waits for; all of them every night, since windows like `last: 28d` move on by themselves.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import and_, delete, func, select
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange
from portal.accounts.inserts import insert_missing
from portal.accounts.models import Account
from portal.conditions.bulk import accounts_in
from portal.conditions.model import checklists_of, events_of
from portal.conditions.models import SegmentAccount
from portal.conditions.segments import segments
from portal.events.rollups import Recorded
from portal.kit.db import chunks, zone_of
from portal.kit.sql import among


class Ticked(Protocol):
    """Accounts for which steps of checklists were completed, or taken back."""

    @property
    def ticked(self) -> frozenset[int]: ...


def refill(session: Session, keys: Collection[str], *, now: datetime, zone: ZoneInfo) -> None:
    """Find anew who is in these segments."""
    known = segments(session)
    for key in sorted(keys):
        found = known.of(key)
        inside = accounts_in(session, found.condition, now=now, zone=zone) if found is not None else set()
        here = set(session.connection().scalars(_INSIDE.where(col(SegmentAccount.segment_key) == key)))
        _write(session, key, added=inside - here, gone=here - inside)


def follow(session: Session, accounts: Collection[int], *, now: datetime, keys: Collection[str] | None = None) -> None:
    """Look at these accounts again, for the segments `keys` or (None) for all."""
    zone = zone_of(session)
    for one in segments(session).all:
        if keys is None or one.key in keys:
            for some in chunks(sorted(accounts), 10_000):
                inside = accounts_in(session, one.condition, now=now, zone=zone, accounts=some)
                asked = _INSIDE.where(
                    col(SegmentAccount.segment_key) == one.key, among(col(SegmentAccount.account_id), "ids")
                )
                here = set(session.connection().scalars(asked, {"ids": list(some)}))
                _write(session, one.key, added=inside - here, gone=here - inside)


def follow_some(session: Session, *, after: int, limit: int, now: datetime) -> int:
    """Look at up to `limit` accounts with an id above `after`; the last of them, 0 where there are no more."""
    asked = select(col(Account.id)).where(col(Account.id) > after).order_by(col(Account.id)).limit(limit)
    accounts = [one for one in session.connection().scalars(asked) if one is not None]
    follow(session, accounts, now=now)
    return accounts[-1] if accounts else 0


# --- listening --------------------------------------------------------------------------------------------------------


def on_accounts_changed(session: Session, change: AccountChange, now: datetime) -> None:
    """Customers or their people are not as they were."""
    follow(session, change.account_ids, now=now)


def on_events(session: Session, recorded: Sequence[Recorded], now: datetime) -> None:
    """Something happened that a segment asks about."""
    watching = {one.key: events_of(one.condition) for one in segments(session).all}
    names = frozenset[str]().union(*watching.values())
    heard = {event.name for event in recorded} & names
    if heard:
        concerned = {key for key, asks in watching.items() if asks & heard}
        follow(session, {event.account_id for event in recorded if event.name in heard}, now=now, keys=concerned)


def on_runs_changed(session: Session, change: Ticked, now: datetime) -> None:
    """A checklist that a segment waits for may be completed by now."""
    if change.ticked:
        waiting = {one.key for one in segments(session).all if checklists_of(one.condition)}
        if waiting:
            session.flush()
            follow(session, change.ticked, now=now, keys=waiting)


# --- reading ----------------------------------------------------------------------------------------------------------


def sizes(session: Session) -> dict[str, int]:
    """How many accounts are in each segment; one that nobody is in is missing."""
    asked = select(col(SegmentAccount.segment_key), func.count()).group_by(col(SegmentAccount.segment_key))
    return {row[0]: row[1] for row in session.connection().execute(asked)}


def segments_of_accounts(session: Session, accounts: Sequence[int]) -> dict[int, list[str]]:
    """The segments each of these accounts is in, in their order."""
    order = {one.key: place for place, one in enumerate(segments(session).all)}
    asked = select(col(SegmentAccount.account_id), col(SegmentAccount.segment_key))
    found: dict[int, list[str]] = {}
    rows = session.connection().execute(
        asked.where(among(col(SegmentAccount.account_id), "ids")), {"ids": list(accounts)}
    )
    for account_id, key in rows:
        if key in order:
            found.setdefault(account_id, []).append(key)
    return {account_id: sorted(keys, key=order.__getitem__) for account_id, keys in found.items()}


_INSIDE = select(col(SegmentAccount.account_id))


def _write(session: Session, key: str, *, added: Collection[int], gone: Collection[int]) -> None:
    if added:
        rows = [{"segment_key": key, "account_id": one} for one in sorted(added)]
        insert_missing(session, SegmentAccount, rows, returning=["account_id"])  # somebody else may have, just now
    for some in chunks(sorted(gone), 5_000):
        left = and_(col(SegmentAccount.segment_key) == key, col(SegmentAccount.account_id).in_(some))
        session.connection().execute(delete(SegmentAccount).where(left))
