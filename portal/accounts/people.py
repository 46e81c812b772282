"""Members: the people of one customer, told apart by the product's id for them and by their mail address.

Someone imported with an address alone is the same person once the product says who has that address: the first
description that brings both joins them, also where the product's id has been listed already, by an event. Whoever
changes the people of a customer holds the customer's row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.changes import touched
from portal.accounts.errors import AddressTaken, Nameless
from portal.accounts.inserts import table_of
from portal.accounts.models import Account, Member
from portal.accounts.one_person import join_people
from portal.accounts.rules import are_halves, email_key, member_values, new_member
from portal.accounts.service import id_of, lock_accounts

Changes = Mapping[str, object]
AS_STORED = {"populate_existing": True}
"""What a row holds now, not when this session first saw it: others may have written before we had the lock."""


def upsert_member(
    session: Session, account: Account, *, external_id: str | None, changes: Changes, now: datetime
) -> Member:
    """The person of `account` with `external_id`, else with the address in `changes`, as they are after `changes`.

    Only fields that are given change (`fields.MEMBER_FIELDS`, and `traits`); `None` clears one. Raises `AddressTaken`
    where the address is another member's, and `Nameless` where neither id nor address is given. Where id and address
    stand in two entries that may be one person's, they are one from now on.
    """
    account_id = id_of(account)
    address = changes.get("email")
    if not external_id and not isinstance(address, str):
        raise Nameless
    lock_accounts(session, [account_id])
    found = member_of(session, account_id, external_id) if external_id else None
    same_address = member_by_email(session, account_id, address) if isinstance(address, str) else None
    if same_address is not None and same_address is not found:
        if found is not None and are_halves(member_row(found), member_row(same_address)):
            join_people(session, keep=same_address, gone=found, now=now)
        elif found is not None or not may_join(same_address.external_id, external_id):
            raise AddressTaken(str(address))
        found = same_address
    told = dict(changes) if external_id is None else {**changes, "external_id": external_id}
    if found is None:
        row = new_member(account_id, now=now)
        return _add(session, {**row, **member_values(row, told)}, now=now)
    values = member_values(member_row(found), told)
    if values:
        _apply(session, found, values, now=now)
    return found


def describe_member(session: Session, member: Member, *, changes: Changes, now: datetime) -> None:
    """Change what is known of somebody who is known: their address too, by which others are found.

    Raises `AddressTaken` where the address is another member's, and `Nameless` where nothing would be left to tell
    them by. Where that other may be the same person, they are one from now on, and `member` is no more.
    """
    lock_accounts(session, [member.account_id])
    session.refresh(member)
    address = changes.get("email", member.email)
    if isinstance(address, str):
        same_address = member_by_email(session, member.account_id, address)
        if same_address is not None and same_address.id != member.id:
            if not are_halves(member_row(member), member_row(same_address)):
                raise AddressTaken(address)
            join_people(session, keep=same_address, gone=member, now=now)
            member = same_address
    elif member.external_id is None:
        raise Nameless
    values = member_values(member_row(member), changes)
    if values:
        _apply(session, member, values, now=now)


def stub_member(
    session: Session, account: Account, external_id: str, *, now: datetime, joined_at: datetime | None = None
) -> Member:
    """The person with `external_id`; one not known yet is listed at once, with nothing but the id."""
    account_id = id_of(account)
    found = member_of(session, account_id, external_id)
    if found is None:
        lock_accounts(session, [account_id])
        found = member_of(session, account_id, external_id)
    if found is not None:
        return found
    row = {**new_member(account_id, now=now), "external_id": external_id, "joined_at": joined_at or now}
    return _add(session, row, now=now)


def mark_member_left(session: Session, member: Member, *, left_at: datetime, now: datetime) -> None:
    """The person leaves the customer at `left_at`: from then on they cannot sign in, and open visits end."""
    if member.left_at != left_at:
        _apply(session, member, {"left_at": left_at}, now=now)


def mark_member_returned(session: Session, member: Member, *, now: datetime) -> None:
    """The person is there after all."""
    if member.left_at is not None:
        _apply(session, member, {"left_at": None}, now=now)


def member_of(session: Session, account_id: int, external_id: str) -> Member | None:
    """The person of this customer whom the product calls `external_id`."""
    query = select(Member).where(col(Member.account_id) == account_id, col(Member.external_id) == external_id)
    return session.execute(query, execution_options=AS_STORED).scalar_one_or_none()


def member_by_id(session: Session, account_id: int, member_id: int) -> Member | None:
    """The person of this customer with the portal's own id."""
    query = select(Member).where(col(Member.account_id) == account_id, col(Member.id) == member_id)
    return session.execute(query, execution_options=AS_STORED).scalar_one_or_none()


def member_by_email(session: Session, account_id: int, address: str) -> Member | None:
    """The person of this customer with this address."""
    query = select(Member).where(col(Member.account_id) == account_id, col(Member.email_key) == email_key(address))
    return session.execute(query, execution_options=AS_STORED).scalar_one_or_none()


def members_of(session: Session, account_id: int) -> Sequence[Member]:
    """Everyone of this customer, those who left last, by name."""
    order = (col(Member.left_at).is_not(None), col(Member.name_kana), col(Member.name), col(Member.id))
    query = select(Member).where(col(Member.account_id) == account_id).order_by(*order)
    return session.execute(query).scalars().all()


def memberships_by_external_id(session: Session, external_id: str) -> Sequence[Member]:
    """The same person in every customer: an event without a customer belongs to the only one, where it is the only."""
    query = select(Member).where(col(Member.external_id) == external_id).order_by(col(Member.id))
    return session.execute(query).scalars().all()


def may_join(known: str | None, given: str | None) -> bool:
    """Whether someone found by address can be the one with the id `given`."""
    return known is None or given is None or known == given


def member_row(member: Member) -> dict[str, object]:
    """The columns of `member` as plain values."""
    return {column.name: getattr(member, column.name) for column in table_of(Member).columns}


def _add(session: Session, row: Mapping[str, object], *, now: datetime) -> Member:
    member = Member(**row)  # type: ignore[arg-type]  # whole rows of rules.new_member
    session.add(member)
    session.flush()
    touched(session, [member.account_id], now=now)
    return member


def _apply(session: Session, member: Member, values: Mapping[str, object], *, now: datetime) -> None:
    for key, value in values.items():
        setattr(member, key, value)
    session.add(member)
    session.flush()
    touched(session, [member.account_id], now=now)
