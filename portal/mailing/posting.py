"""Sending a letter: looked at once more, marked as begun, handed over, and what came of it written down.

A letter that was begun is never begun again unless the mail server certainly did not take it. So a portal that is
killed in the middle leaves a letter of which it is not known whether it arrived, and says so; nothing is sent twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Literal

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Invitation, Member
from portal.accounts.rules import email_key
from portal.accounts.service import lock_accounts
from portal.kit.errors import NotFound
from portal.kit.jobs import Claim, Ended, Failed, Kind, enqueue
from portal.kit.mail import Delayed, Mail, Refused, Unanswered
from portal.kit.web import Site
from portal.mailing import alerts
from portal.mailing.addresses import stop, stopped_among
from portal.mailing.composing import as_mail, compose
from portal.mailing.configured import Terms, rule, terms
from portal.mailing.letters import JOB
from portal.mailing.models import Letter, MailBatch, SummaryReader
from portal.mailing.reasons import standing, why
from portal.mailing.rules import OF_RUNS, WEEK, week_of
from portal.mailing.summaries import LASTS, link_token
from portal.mailing.templates import Template, restored, template_by_key

PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 4 * 60, 12 * 60))
GIVEN_UP_AFTER = timedelta(days=5)
"""Nights and weekends put a letter off without counting as attempts, so the age of a letter counts as well."""
AT_ONCE = 8
SENT = ("sending", "sent", "uncertain")


@dataclass(frozen=True)
class Hold:
    """Not to be sent; `reason` is a word of `wording.HELD`."""

    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Later:
    """Not to be sent now, but from `at` on."""

    at: datetime


@dataclass(frozen=True)
class Ready:
    """To be sent as it is here."""

    mail: Mail
    terms: Terms


@dataclass(frozen=True)
class Posted:
    """What came of handing one letter over."""

    letter: int
    state: Literal["sent", "failed", "uncertain", "waiting"]
    reason: str | None = None
    detail: str = ""


def kind(site: Site) -> Kind:
    """How letters are sent."""
    return Kind(partial(post, site), settle=settle, at_once=AT_ONCE, pauses=PAUSES)


async def post(site: Site, job: Claim) -> Posted | None:
    """Send one letter, or settle why not. Raises `Failed` where it is to be tried again."""
    now, letter_id = site.clock(), int(job.payload["letter"])
    found = await site.database.report(partial(decide, site=site, letter_id=letter_id, now=now))
    ready = await site.database.write(partial(begin, letter_id=letter_id, found=found, now=now))
    if ready is None:
        return None
    try:
        await site.mailer.send(ready.mail, now=now)
    except Refused as error:
        reason = "bad_address" if error.is_bad_address else "refused"
        return Posted(letter_id, "failed", reason, error.said)
    except Unanswered as error:
        return Posted(letter_id, "uncertain", "unanswered", error.said)
    except Delayed as error:
        raise Failed(error.said, Posted(letter_id, "waiting", None, error.said)) from error
    return Posted(letter_id, "sent")


def decide(session: Session, *, site: Site, letter_id: int, now: datetime) -> Hold | Later | Ready | None:
    """What is to be done with a letter; None where it is settled already."""
    letter = session.get(Letter, letter_id)
    if letter is None or letter.state != "waiting":
        return None
    account = session.get(Account, letter.account_id)
    if account is None or (account.left_at is not None and account.left_at <= now):
        return Hold("account_left")
    to = _addressee(session, letter, now)
    if isinstance(to, Hold):
        return to
    set_as = terms(session)
    template, at_once, sender, reply_to = _by(session, letter)
    if template is None:
        return Hold("template_gone")
    gone = _reason_gone(session, letter, site, now) if letter.cause == "rule" else None
    if gone is not None:
        return Hold(gone)
    if not at_once and not set_as.hours.is_open(now, site.zone):
        return Later(set_as.hours.next_open(now, site.zone))
    url = ""
    if to.reader is not None:
        url = f"{site.base_url}/progress/{link_token(site.secrets, to.reader, until=now + LASTS)}"
    composed = compose(
        session,
        site,
        template,
        account,
        name=to.name,
        locale=to.locale,
        now=now,
        checklist=letter.because.get("checklist"),
        sender=sender,
        summary_url=url,
    )
    if composed.filled.missing:
        return Hold("gap", ", ".join(composed.filled.missing))
    automatic = letter.cause == "rule"
    mail = as_mail(
        site, composed, to=to.email, terms=set_as, letter_id=letter_id, reply_to=reply_to, is_automatic=automatic
    )
    return Ready(mail, set_as)


def begin(session: Session, *, letter_id: int, found: Hold | Later | Ready | None, now: datetime) -> Ready | None:
    """Write down what was decided. `Ready` comes back where the letter is now marked as begun and is to be sent."""
    letter = session.get(Letter, letter_id, with_for_update=True)
    if letter is None:
        return None
    if letter.state == "sending":
        _end(letter, "uncertain", "interrupted", "", now)
    if letter.state != "waiting" or found is None:
        session.add(letter)
        return None
    if isinstance(found, Later):
        # Run again after a crash it is still one job: of two at once, the second would take the first for interrupted.
        key = f"{JOB}:{letter_id}:{found.at.isoformat()}"
        enqueue(session, JOB, {"letter": letter_id}, now=now, run_at=found.at, dedupe_key=key)
        return None
    if isinstance(found, Ready):
        letter.to, letter.to_key = found.mail.to, email_key(found.mail.to)
    if isinstance(found, Ready) and letter.cause == "rule":
        lock_accounts(session, [letter.account_id])
        found = _within_caps(session, letter, found, now)
    if isinstance(found, Hold):
        _end(letter, "held", found.reason, found.detail, now)
        session.add(letter)
        return None
    letter.state, letter.begun_at, letter.at = "sending", now, now
    letter.subject, letter.text = found.mail.subject[:500], found.mail.text
    session.add(letter)
    session.flush()
    return found


def settle(session: Session, ended: Sequence[Ended], now: datetime) -> None:
    """Write down what came of handing letters over, in the transaction that ends their jobs."""
    for one in ended:
        posted = one.result
        if not isinstance(posted, Posted):
            continue
        letter = session.get(Letter, posted.letter, with_for_update=True)
        if letter is None or letter.state != "sending":
            continue
        is_last = one.job.attempt > len(PAUSES) or now - letter.created_at > GIVEN_UP_AFTER
        if posted.state == "waiting" and is_last:
            _end(letter, "failed", "unreachable", posted.detail, now)
        elif posted.state == "waiting":
            letter.state, letter.begun_at, letter.detail = "waiting", None, posted.detail
        else:
            _end(letter, posted.state, posted.reason, posted.detail, now)
        session.add(letter)
        if posted.reason == "bad_address" and stop(session, letter.to, "bounced", now=now, detail=posted.detail):
            alerts.tell_bounced(session, letter, now=now)
    session.flush()


def _end(letter: Letter, state: str, reason: str | None, detail: str, now: datetime) -> None:
    letter.state, letter.reason, letter.detail, letter.at = state, reason, detail[:500], now


@dataclass(frozen=True)
class _To:
    name: str
    email: str
    locale: str | None
    reader: SummaryReader | None = None


def _addressee(session: Session, letter: Letter, now: datetime) -> _To | Hold:
    """To whom a letter goes now: their present address, and only while they are there and want it."""
    member = session.get(Member, letter.member_id) if letter.member_id is not None else None
    reader = session.get(SummaryReader, int(letter.because.get("reader", 0)))
    if member is not None and (member.left_at is None or member.left_at > now):
        to, key = _To(member.name, member.email or "", member.locale), member.email_key
    elif reader is not None:
        to, key = _To(reader.name, reader.email, reader.locale, reader), reader.email_key
        if reader.revoked_at is not None:
            return Hold("revoked")
    else:
        return Hold("gone")
    if not key:
        return Hold("no_address")
    stopped = stopped_among(session, [key]).get(key)
    return Hold(stopped) if stopped is not None else to


def _by(session: Session, letter: Letter) -> tuple[Template | None, bool, str, str]:
    """The template of a letter, whether it may go at any hour, who sends it and where answers go."""
    if letter.batch_id is not None:
        batch = session.get_one(MailBatch, letter.batch_id)
        template = restored(batch.template_key, batch.title, batch.texts)
        return template, batch.at_once, batch.by_name, batch.by
    try:
        return template_by_key(session, rule(session, letter.rule or "").template), False, "", ""
    except NotFound:
        return None, False, "", ""


def _reason_gone(session: Session, letter: Letter, site: Site, now: datetime) -> str | None:
    setting = rule(session, letter.rule or "")
    if setting.on_since is None:
        return "switched_off"
    if setting.kind == "welcome":
        return None if _is_invited(session, letter.member_id) else "reason_gone"
    if setting.kind not in OF_RUNS:
        return None if letter.occasion == week_of(now, site.zone) else "reason_gone"
    run = standing(session, letter.enrollment_id or 0, now=now, zone=site.zone)
    still = why(setting, run, now=now, zone=site.zone) if run is not None else None
    return None if still is not None and still.occasion == letter.occasion else "reason_gone"


def _is_invited(session: Session, member_id: int | None) -> bool:
    standing = (col(Invitation.member_id) == member_id, col(Invitation.revoked_at).is_(None))
    return session.execute(select(col(Invitation.id)).where(*standing).limit(1)).first() is not None


def _within_caps(session: Session, letter: Letter, ready: Ready, now: datetime) -> Hold | Ready:
    since = (col(Letter.begun_at) > now - WEEK, col(Letter.state).in_(SENT))

    def sent(*where: object) -> int:
        asked = select(func.count()).select_from(Letter).where(*since, *where)  # type: ignore[arg-type]
        return session.connection().scalar(asked) or 0

    if sent(col(Letter.to_key) == letter.to_key) >= ready.terms.per_person:
        return Hold("cap_person")
    if sent(col(Letter.account_id) == letter.account_id) >= ready.terms.per_account:
        return Hold("cap_account")
    return ready
