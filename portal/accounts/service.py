"""Customers: found, made known piece by piece, marked as left and back again.

Every source tells only part of the truth (an event names an id, a CRM export a plan), so a description is partial:
what it does not mention stays. Two tellers of one customer at the same moment end in one row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.changes import touched
from portal.accounts.inserts import insert_missing, table_of
from portal.accounts.models import Account
from portal.accounts.plans import ensure_plans
from portal.accounts.records import AccountMerge
from portal.accounts.rules import account_values, new_account

Changes = Mapping[str, object]


def upsert_account(session: Session, *, external_id: str, changes: Changes, now: datetime) -> Account:
    """The customer with `external_id`, as it is after `changes` (fields of `fields.ACCOUNT_FIELDS`, and `traits`).

    Only fields that are given change; `None` clears one. A plan nobody named before comes into being. The row is
    locked until the transaction ends. Listeners hear only where something really changed.
    """
    plan = changes.get("plan")
    if isinstance(plan, str):
        ensure_plans(session, [plan])
    account, created = _locked_or_new(session, external_id, changes, now=now)
    changed = _apply(session, account, account_values(account_row(account), changes))
    if created or changed:
        touched(session, [id_of(account)], now=now)
    return account


def stub_account(session: Session, external_id: str, *, now: datetime) -> Account:
    """The customer with `external_id`; one not known yet is listed at once, with nothing but its id."""
    account = account_by_external_id(session, external_id)
    if account is not None:
        return account
    account, created = _locked_or_new(session, external_id, None, now=now)
    if created:
        touched(session, [id_of(account)], now=now)
    return account


def mark_left(
    session: Session, account: Account, *, left_at: datetime, now: datetime, notice_at: datetime | None = None
) -> None:
    """The customer leaves at `left_at`; `notice_at` is when it said so. Its people can sign in until then."""
    values: dict[str, object] = {"left_at": left_at, **({"notice_at": notice_at} if notice_at else {})}
    if _apply(session, account, {key: value for key, value in values.items() if getattr(account, key) != value}):
        touched(session, [id_of(account)], now=now)


def mark_returned(session: Session, account: Account, *, now: datetime) -> None:
    """The customer did not leave, or is back."""
    if _apply(session, account, {key: None for key in ("left_at", "notice_at") if getattr(account, key) is not None}):
        touched(session, [id_of(account)], now=now)


def erase_account(session: Session, account: Account) -> None:
    """Delete the customer with its people, their events and all that hangs on them. For good."""
    session.delete(account)
    session.flush()


def account_by_external_id(session: Session, external_id: str) -> Account | None:
    """The customer the vendor's systems call `external_id`; the id of one that was merged means the survivor."""
    found = session.execute(select(Account).where(col(Account.external_id) == external_id)).scalar_one_or_none()
    if found is None and (survivor := survivors(session, [external_id]).get(external_id)) is not None:
        return session.get(Account, survivor)
    return found


def survivors(session: Session, refs: Sequence[str]) -> dict[str, int]:
    """Of the ids of customers that were merged: whom they mean now."""
    asked = select(col(AccountMerge.merged_ref), col(AccountMerge.account_id)).where(
        col(AccountMerge.undone_at).is_(None), col(AccountMerge.merged_ref).in_(refs)
    )
    return {row[0]: row[1] for row in session.execute(asked.order_by(col(AccountMerge.id)))}


def accounts_after(session: Session, *, after: int = 0, limit: int) -> Sequence[Account]:
    """Up to `limit` customers with an id above `after`, in order of id: for paging by cursor."""
    query = select(Account).where(col(Account.id) > after).order_by(col(Account.id)).limit(limit)
    return session.execute(query).scalars().all()


def lock_accounts(session: Session, account_ids: Sequence[int]) -> None:
    """Hold these rows until the transaction ends, in an order that cannot deadlock; SQLite has one writer anyway."""
    rows = select(col(Account.id)).where(col(Account.id).in_(account_ids)).order_by(col(Account.id))
    session.execute(rows.with_for_update(key_share=True)).all()


def id_of(account: Account) -> int:
    """The id of a customer that is in the database."""
    if account.id is None:
        raise LookupError("this customer was never stored")
    return account.id


def account_row(account: Account) -> dict[str, object]:
    """The columns of `account` as plain values."""
    return {column.name: getattr(account, column.name) for column in table_of(Account).columns}


def _locked_or_new(
    session: Session, external_id: str, changes: Changes | None, *, now: datetime
) -> tuple[Account, bool]:
    found = _locked(session, external_id)
    if found is None and (survivor := survivors(session, [external_id]).get(external_id)) is not None:
        lock_accounts(session, [survivor])
        found = session.get(Account, survivor, populate_existing=True)
    if found is not None:
        return found, False
    row = new_account(external_id, now=now)
    if changes is not None:
        row |= account_values(row, changes)
    created = insert_missing(session, Account, [row], returning=["id"])
    # Where another transaction was first, its row is there by now: the insert has waited for it.
    found = _locked(session, external_id)
    if found is None:
        raise LookupError(f"customer {external_id!r} vanished while it was being stored")
    return found, bool(created)


def _locked(session: Session, external_id: str) -> Account | None:
    query = select(Account).where(col(Account.external_id) == external_id).with_for_update(key_share=True)
    return session.execute(query, execution_options={"populate_existing": True}).scalar_one_or_none()


def _apply(session: Session, account: Account, values: Mapping[str, object]) -> bool:
    for key, value in values.items():
        setattr(account, key, value)
    if values:
        session.add(account)
        session.flush()
    return bool(values)
