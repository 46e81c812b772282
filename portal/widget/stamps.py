"""The stamp of an account: whether what its widgets show is still what they were told.

A stamp moves in the transaction of whatever moves it, so an answer kept in memory under it is never older than the
database. Accounts that no widget has asked about have none and cost events nothing: an installation without the widget
pays one question a batch that finds no row.

Completions must reach open panels within a second, in every process and on every server. On PostgreSQL they are
notified (only they: a NOTIFY makes commits wait for one another), on SQLite they take the next number among all
accounts, for each process to look at.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange
from portal.checklists.touched import RunsChanged
from portal.events.dialect import dialect_of, insert_ignoring, is_postgresql
from portal.kit.db import chunks
from portal.kit.prepared import Prepared
from portal.kit.sql import among
from portal.widget.models import WidgetStamp

CHANNEL = "banso_widget"


def on_runs_changed(session: Session, change: RunsChanged, _now: datetime) -> None:
    """For the composition root to subscribe to what happens to checklists."""
    touch(session, change.account_ids - change.ticked)
    touch(session, change.ticked, live=True)


def on_accounts_changed(session: Session, change: AccountChange, _now: datetime) -> None:
    """For the composition root to subscribe to changed customers and people."""
    touch(session, change.account_ids)


def touch(session: Session, accounts: Collection[int], *, live: bool = False) -> None:
    """What the widgets of `accounts` show has changed; `live` also wakes those that are open."""
    stamped = _STAMPED.all(session, {"accounts": sorted(accounts)}) if accounts else []
    for some in chunks([account_id for (account_id,) in stamped]):
        moved: dict[str, object] = {"number": col(WidgetStamp.number) + 1}
        if live and not is_postgresql(session):
            moved["news"] = select(func.coalesce(func.max(col(WidgetStamp.news)), 0) + 1).scalar_subquery()
        moving = update(WidgetStamp).where(col(WidgetStamp.account_id).in_(some)).values(moved)
        watched = session.connection().scalars(moving.returning(col(WidgetStamp.account_id))).all()
        if live and watched and is_postgresql(session):
            for account_id in watched:
                session.connection().execute(select(func.pg_notify(CHANNEL, str(account_id))))


def watch(session: Session, account_id: int) -> None:
    """From now on the account has a stamp."""
    session.connection().execute(insert_ignoring(dialect_of(session), WidgetStamp), {"account_id": account_id})


def last_news(session: Session) -> int:
    """The place of the newest completion (SQLite)."""
    return session.connection().scalar(_LAST) or 0


def news_after(session: Session, place: int) -> tuple[int, list[int]]:
    """The accounts with a completion after `place`, and the place to look from next time (SQLite)."""
    last = last_news(session)
    if last <= place:
        return last, []
    found = select(col(WidgetStamp.account_id)).where(col(WidgetStamp.news) > place)
    return last, [account_id for account_id in session.connection().scalars(found) if account_id is not None]


_STAMPED = Prepared(
    select(col(WidgetStamp.account_id))
    .where(among(col(WidgetStamp.account_id), "accounts"))
    .order_by(col(WidgetStamp.account_id))
)
_LAST = select(func.max(col(WidgetStamp.news)))
