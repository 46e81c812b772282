"""The weekly summary: to a customer's admins, and to people they have named who do not use the portal.

Who is named reads a page of their customer's progress by a link in the mail, without signing in: signed, good for four
weeks from that mail, and for nobody any more once they are taken off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.rules import email_key, is_email
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.checklists.models import Completion, Enrollment
from portal.events.models import EventDay
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.secrets import Secrets
from portal.mailing.letters import Draft
from portal.mailing.models import SummaryReader
from portal.mailing.people import chosen, people_of
from portal.mailing.rules import WEEK, RuleSetting
from portal.mailing.variables import Week

PURPOSE = "summary"
LASTS = timedelta(days=28)
MOST_READERS = 10


@dataclass(frozen=True)
class Opened:
    """What a good link leads to."""

    account_id: int
    reader_id: int
    until: datetime


def name_reader(
    session: Session,
    account_id: int,
    *,
    name: str,
    email: str,
    locale: str | None,
    by: str,
    by_name: str,
    now: datetime,
) -> SummaryReader:
    """Have somebody told of this customer's progress each week. Raises `Invalid`; who was taken off comes back."""
    problems = []
    if not is_email(email):
        problems.append(
            FieldProblem("email", "not_an_address", Message("“%(value)s” is not a mail address", value=email[:60]))
        )
    if len(name) > 200:
        problems.append(
            FieldProblem("name", "too_long", Message("this may have %(most)s characters at most", most=200))
        )
    if len(readers_of(session, account_id)) >= MOST_READERS:
        problems.append(FieldProblem("email", "too_many", Message("ten people can be named; take somebody off first")))
    if problems:
        raise Invalid(Message("Nobody was added."), problems=problems)
    same = (col(SummaryReader.account_id) == account_id, col(SummaryReader.email_key) == email_key(email))
    row = session.execute(select(SummaryReader).where(*same)).scalar_one_or_none()
    if row is None:
        row = SummaryReader(
            account_id=account_id, email=email.strip(), email_key=email_key(email), by=by, created_at=now
        )
    row.name, row.locale, row.by, row.by_name, row.revoked_at = name.strip(), locale, by, by_name, None
    session.add(row)
    session.flush()
    return row


def readers_of(session: Session, account_id: int) -> Sequence[SummaryReader]:
    """Who is told, in the order they were named."""
    asked = select(SummaryReader).where(
        col(SummaryReader.account_id) == account_id, col(SummaryReader.revoked_at).is_(None)
    )
    return session.execute(asked.order_by(col(SummaryReader.id))).scalars().all()


def take_off(session: Session, account_id: int, reader_id: int, *, now: datetime) -> SummaryReader:
    """Tell somebody no more; the links they have lead nowhere from now on."""
    row = session.get(SummaryReader, reader_id)
    if row is None or row.account_id != account_id:
        raise NotFound
    if row.revoked_at is None:
        row.revoked_at = now
        session.add(row)
        session.flush()
    return row


def link_token(secrets: Secrets, reader: SummaryReader, *, until: datetime) -> str:
    """What stands in the link of one mail to `reader`."""
    told = f"{reader.id}-{int(until.timestamp())}"
    return f"{told}-{secrets.mac(PURPOSE, _proven(told, reader))}"


def open_link(session: Session, secrets: Secrets, token: str, *, now: datetime) -> Opened | None:
    """Whom and until when the link lets in; None where it is not ours, has run out, or was taken back.

    It names whom it was given to: the number of a reader who was erased may come to be another customer's.
    """
    told, _, mac = token.rpartition("-")
    number, _, until = told.partition("-")
    if not all(one.isascii() and one.isdecimal() and len(one) < 12 for one in (number, until)):
        return None
    row = session.get(SummaryReader, int(number))
    if row is None or row.revoked_at is not None or not secrets.verify(PURPOSE, _proven(told, row), mac):
        return None
    ends = datetime.fromtimestamp(int(until), tz=UTC)
    return Opened(row.account_id, row.id or 0, ends) if ends > now else None


def _proven(told: str, reader: SummaryReader) -> str:
    return f"{told} {reader.email_key} {reader.created_at.astimezone(UTC).isoformat()}"


def note_seen(session: Session, reader_id: int, *, now: datetime) -> None:
    """Somebody has looked at the page."""
    row = session.get(SummaryReader, reader_id)
    if row is not None:
        row.seen_at = now
        session.add(row)


def weekly_drafts(session: Session, *, rule: RuleSetting, week: str, now: datetime) -> list[Draft]:
    """This week's letters to everybody whose customer is under way, or has completed something this week."""
    accounts = (
        select(col(Enrollment.account_id))
        .join(Account, col(Account.id) == col(Enrollment.account_id))
        .where(
            col(Enrollment.excluded_at).is_(None),
            col(Enrollment.withdrawn_at).is_(None),
            col(Enrollment.paused_at).is_(None),
            or_(col(Enrollment.completed_at).is_(None), col(Enrollment.completed_at) >= now - WEEK),
            col(Account.left_at).is_(None) | (col(Account.left_at) > now),
        )
        .distinct()
        .order_by(col(Enrollment.account_id))
    )
    if rule.checklist is not None:
        accounts = accounts.where(col(Enrollment.checklist_key) == rule.checklist)
    ids = list(session.connection().scalars(accounts))
    people = people_of(session, ids, now=now)
    drafts = [
        Draft(
            account_id,
            "rule",
            rule.template,
            someone,
            rule=rule.kind,
            occasion=week,
            dedupe_key=f"weekly:{account_id}:{week}:{someone.member_id}",
            because={"week": week},
        )
        for account_id in ids
        for someone in chosen(rule.whom, people.get(account_id, ()))
    ]
    told = {(one.account_id, one.to.email_key) for one in drafts if one.to is not None}
    named = select(SummaryReader).where(col(SummaryReader.revoked_at).is_(None)).order_by(col(SummaryReader.id))
    under_way = set(ids)
    drafts += [
        Draft(
            reader.account_id,
            "rule",
            rule.template,
            address=reader.email,
            address_key=reader.email_key,
            rule=rule.kind,
            occasion=week,
            dedupe_key=f"weekly:{reader.account_id}:{week}:reader-{reader.id}",
            because={"week": week, "reader": reader.id},
        )
        for reader in session.execute(named).scalars()
        if reader.account_id in under_way and (reader.account_id, reader.email_key) not in told
    ]
    return drafts


def week_of_account(session: Session, account_id: int, *, locale: Locale, url: str, now: datetime) -> Week:
    """What the summary tells of the last seven days."""
    known = catalog(session)
    rows = session.connection().execute(
        select(col(Completion.checklist_key), col(Completion.step_key), col(Enrollment.version))
        .join(Enrollment, col(Enrollment.id) == col(Completion.enrollment_id))
        .where(
            col(Enrollment.account_id) == account_id,
            col(Completion.member_id).is_(None),
            col(Completion.undone_at).is_(None),
            col(Completion.at) > now - WEEK,
            col(Completion.at) <= now,
        )
        .order_by(col(Completion.at), col(Completion.id))
    )
    done = []
    for checklist, step, version in rows:
        published = known.versions.get((checklist, version))
        steps = published.definition.steps if published is not None else ()
        done += [in_words(one.title, locale) for one in steps if one.key == step]
    active = select(func.count(func.distinct(col(EventDay.member_id)))).where(
        col(EventDay.account_id) == account_id, col(EventDay.member_id) != 0, col(EventDay.last_at) > now - WEEK
    )
    there = select(func.count()).where(
        col(Member.account_id) == account_id,
        col(Member.left_at).is_(None) | (col(Member.left_at) > now),
        col(Member.email_key).is_not(None) | col(Member.external_id).is_not(None),
    )
    connection = session.connection()
    return Week(tuple(done), connection.scalar(active) or 0, connection.scalar(there) or 0, url)
