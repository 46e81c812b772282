"""Alerts to staff: what a channel is to be told is a line, and the lines that wait go out together.

Written in the transaction of what happened, once for each channel and happening; where there is no channel that costs
one look at an empty table. Chat and mail are told in working hours, so nobody's phone rings at midnight when a day's
deadlines pass.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import Account
from portal.checklists.news import ChecklistCompleted, ChecklistOverdue, News
from portal.kit.clock import days_between, local_day
from portal.kit.db import chunks, zone_of
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue
from portal.mailing.configured import terms
from portal.mailing.models import AlertChannel, AlertLine, Letter
from portal.mailing.reasons import reasons
from portal.mailing.rules import RuleSetting

if TYPE_CHECKING:  # commands listen too, and need none of what pages are made of
    from portal.kit.web import Site

JOB = "mailing.alert"
Alert = Literal["overdue", "completed", "silent", "bounced"]
ALERTS: tuple[Alert, ...] = get_args(Alert)
ALERT_WORDS: Mapping[str, Message] = {
    "overdue": Message("A customer's deadline has passed"),
    "completed": Message("A customer has completed a checklist"),
    "silent": Message("A customer has done no step for so many days"),
    "bounced": Message("Mails to somebody come back"),
}
AT_ONCE = 500
FRESH = timedelta(days=7)
"""A silence that was long ago when somebody began to listen is no news."""


@dataclass(frozen=True)
class Happening:
    """Something a channel may want to be told. `key` names it, so that it is told once."""

    kind: Alert
    account_id: int
    key: str
    at: datetime
    about: Mapping[str, Any] = field(default_factory=dict)


def on_checklist_news(session: Session, news: Sequence[News], now: datetime) -> None:
    """Listens to `checklists.news`."""
    if not channels_that_want(session, ("overdue", "completed")):
        return
    told = [one for one in news if isinstance(one, ChecklistCompleted | ChecklistOverdue)]
    asked, ids = select(col(Account.external_id), col(Account.id)), dict[str, int]()
    for some in chunks(sorted({one.account for one in told})):
        rows = session.connection().execute(asked.where(col(Account.external_id).in_(some)))
        ids.update((external_id, account_id or 0) for external_id, account_id in rows)
    zone = zone_of(session)
    happenings = []
    for one in told:
        if isinstance(one, ChecklistOverdue):
            day = local_day(one.due_at, zone).isoformat()
            key = f"overdue:{ids[one.account]}:{one.checklist}:{day}"
            about = {"checklist": one.checklist, "day": day}
            happenings.append(Happening("overdue", ids[one.account], key, now, about))
        else:
            key = f"completed:{ids[one.account]}:{one.checklist}:{int(one.at.timestamp())}"
            happenings.append(Happening("completed", ids[one.account], key, now, {"checklist": one.checklist}))
    tell(session, happenings, now=now)


def tell_bounced(session: Session, letter: Letter, *, now: datetime) -> None:
    """An address of a customer was refused for good."""
    key = f"bounced:{letter.account_id}:{letter.id}"
    tell(session, [Happening("bounced", letter.account_id, key, now)], now=now)


async def look_for_silence(site: Site) -> None:
    """Tell of customers who have fallen silent: once for each silence, when it reaches the days a channel names."""
    now, zone = site.clock(), site.zone
    wanting = await site.database.read(
        lambda session: [(one.id or 0, one.silent_days) for one in channels_that_want(session, ("silent",))]
    )
    for channel_id, days in wanting:
        rule, after = RuleSetting("next_step", "", "admins", days), -1
        while after != 0:
            found, after = await site.database.report(
                partial(reasons, wanted=[rule], now=now, zone=zone, after=max(after, 0))
            )
            happenings = [
                Happening(
                    "silent",
                    one.run.account_id,
                    f"silent:{one.run.enrollment_id}:{one.occasion}",
                    now,
                    {"checklist": one.run.checklist, "days": days_between(one.run.facts.quiet_since, now, zone)},
                )
                for one in found
                if days_between(one.run.facts.quiet_since, now, zone) < days + FRESH.days
            ]
            if happenings:
                await site.database.write(partial(tell, happenings=happenings, now=now, only=channel_id))


def tell(session: Session, happenings: Sequence[Happening], *, now: datetime, only: int | None = None) -> None:
    """Have each channel that wants it told, once."""
    found = channels_that_want(session, {one.kind for one in happenings})
    for channel in found:
        if only is not None and channel.id != only:
            continue
        rows = [
            {
                "channel_id": channel.id,
                "account_id": one.account_id,
                "kind": one.kind,
                "key": one.key,
                "about": dict(one.about),
                "at": one.at,
            }
            for one in happenings
            if one.kind in channel.wants
        ]
        if insert_missing(session, AlertLine, rows, returning=["id"]):
            ask(session, channel.id or 0, now=now)


def ask(session: Session, channel_id: int, *, now: datetime) -> None:
    """Have the lines that wait for a channel sent when mails may go; together with those that come until then."""
    at = terms(session).hours.next_open(now, zone_of(session))
    enqueue(
        session,
        JOB,
        {"channel": channel_id},
        now=now,
        run_at=at,
        dedupe_key=f"{JOB}:{channel_id}:{at.isoformat(timespec='minutes')}",
        lane=str(channel_id),
    )


def channels_that_want(session: Session, kinds: Collection[str]) -> list[AlertChannel]:
    """The channels that are on and want one of `kinds`."""
    asked = select(AlertChannel).where(col(AlertChannel.off_at).is_(None)).order_by(col(AlertChannel.id))
    return [one for one in session.execute(asked).scalars() if set(one.wants) & set(kinds)]


def waiting_lines(session: Session, channel_id: int, *, limit: int = AT_ONCE) -> Sequence[tuple[AlertLine, str, str]]:
    """What waits for a channel, oldest first, each with its customer's id and name."""
    asked = (
        select(AlertLine, col(Account.external_id), col(Account.name))
        .join(Account, col(Account.id) == col(AlertLine.account_id))
        .where(col(AlertLine.channel_id) == channel_id, col(AlertLine.sent_at).is_(None))
    )
    rows = session.execute(asked.order_by(col(AlertLine.id)).limit(limit)).all()
    return [(row[0], row[1], row[2]) for row in rows]


def note_told(session: Session, lines: Sequence[int], *, now: datetime) -> None:
    """These lines have been told."""
    session.connection().execute(update(AlertLine).where(col(AlertLine.id).in_(lines)).values(sent_at=now))
