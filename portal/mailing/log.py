"""What became of letters, newest first: for the page of all, of one customer, and of one person."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, and_, func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.kit.clock import moment_in
from portal.kit.db import chunks
from portal.kit.errors import NotFound
from portal.mailing.models import Letter

PER_PAGE = 50


@dataclass(frozen=True)
class Entry:
    """One letter, with whom it is to."""

    letter: Letter
    external_id: str
    account: str
    person: str


@dataclass(frozen=True)
class Wanted:
    """Which letters; "" and None filter nothing."""

    account_id: int | None = None
    member_id: int | None = None
    batch_id: int | None = None
    state: str = ""
    rule: str = ""


@dataclass(frozen=True)
class LastWritten:
    """The latest mail a colleague sent to a customer's people; `is_waiting`: it goes out in the hours for mails."""

    at: datetime
    is_waiting: bool


def last_written(session: Session, account_ids: Collection[int]) -> Mapping[int, LastWritten]:
    """When somebody of ours last wrote to each of these customers; whoever was never written to is missing.

    What a rule sends is left out: it is no contact that anybody made.
    """
    found: dict[int, LastWritten] = {}
    asked = select(col(Letter.account_id), col(Letter.state), func.max(col(Letter.at))).where(
        col(Letter.cause) == "hand", col(Letter.state).in_(("waiting", "sending", "sent", "uncertain"))
    )
    for some in chunks(sorted(account_ids)):
        rows = asked.where(col(Letter.account_id).in_(some)).group_by(col(Letter.account_id), col(Letter.state))
        for account_id, state, at in session.connection().execute(rows):
            known = found.get(account_id)
            if known is None or at > known.at:
                found[account_id] = LastWritten(at, state == "waiting")
    return found


def list_letters(
    session: Session, wanted: Wanted, *, before: tuple[datetime, int] | None = None, limit: int = PER_PAGE
) -> tuple[Sequence[Entry], str]:
    """A page of letters, and where the older ones begin, "" where there are none."""
    asked = _joined()
    exact = {
        col(Letter.account_id): wanted.account_id,
        col(Letter.member_id): wanted.member_id,
        col(Letter.batch_id): wanted.batch_id,
        col(Letter.state): wanted.state or None,
        col(Letter.rule): wanted.rule or None,
    }
    asked = asked.where(*(column == value for column, value in exact.items() if value is not None))
    if before is not None:
        at, number = before
        asked = asked.where(or_(col(Letter.at) < at, and_(col(Letter.at) == at, col(Letter.id) < number)))
    rows = session.execute(asked.order_by(col(Letter.at).desc(), col(Letter.id).desc()).limit(limit + 1)).all()
    shown = [_entry(row) for row in rows[:limit]]
    last = shown[-1].letter if len(rows) > limit else None
    return shown, f"{last.at.isoformat()}~{last.id}" if last is not None else ""


def letter_by_id(session: Session, letter_id: int) -> Entry:
    """One letter, or `NotFound`."""
    row = session.execute(_joined().where(col(Letter.id) == letter_id)).one_or_none()
    if row is None:
        raise NotFound
    return _entry(row)


def place_of(text: str) -> tuple[datetime, int] | None:
    """The place that `list_letters` gave; None for anything else."""
    moment, _, number = text.partition("~")
    at = moment_in(moment)
    is_number = number.isascii() and number.isdecimal() and len(number) < 19
    return (at, int(number)) if at is not None and is_number else None


def _joined() -> Select[*tuple[Any, ...]]:
    return (
        select(Letter, col(Account.external_id), col(Account.name), col(Member.name))
        .join(Account, col(Account.id) == col(Letter.account_id))
        .join(Member, col(Member.id) == col(Letter.member_id), isouter=True)
    )


def _entry(row: Row[*tuple[Any, ...]]) -> Entry:
    letter, external_id, account, person = row
    return Entry(letter, external_id, account, person or letter.to)
