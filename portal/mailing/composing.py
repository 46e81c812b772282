"""A letter put together for one person: what is known of them in the places of a template, and the mail around it.

A preview, a test and the mail itself are made here, so what was looked at is what goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from hmac import compare_digest

from sqlmodel import Session

from portal.accounts.models import Account, Plan
from portal.checklists.catalog import catalog
from portal.checklists.deadlines import Pause, days_left, effective_due
from portal.checklists.definition import in_words
from portal.checklists.exceptions import pauses_of
from portal.checklists.rules import next_step
from portal.checklists.runs import Run, load_runs
from portal.kit.clock import days_between, local_day
from portal.kit.i18n import Locale, as_locale
from portal.kit.mail import Mail
from portal.kit.secrets import Secrets
from portal.kit.web import Site
from portal.mailing.addresses import unsubscribe_token
from portal.mailing.configured import Terms
from portal.mailing.models import Letter
from portal.mailing.summaries import week_of_account
from portal.mailing.templates import Template
from portal.mailing.variables import OF_A_RUN, Addressee, Progress, values
from portal.mailing.written import Filled, fill

NAMED = "message-id"
NAME_MAC = 16
LETTER_ID = re.compile(rf"<letter\.(\d{{1,18}})\.([0-9a-f]{{{NAME_MAC}}})@", re.ASCII)
SAMPLE = "sample"
"""Stands in the link of a test, which takes nobody off."""


@dataclass(frozen=True)
class LetterMail:
    """For `mails/letter.txt` and `mails/letter.html`."""

    locale: Locale
    subject: str
    body: str
    vendor_name: str
    footer: str
    unsubscribe_url: str


@dataclass(frozen=True)
class Composed:
    """A letter as its reader gets it, and the language it is in."""

    locale: Locale
    filled: Filled


def compose(
    session: Session,
    site: Site,
    template: Template,
    account: Account,
    *,
    name: str,
    locale: str | None,
    now: datetime,
    checklist: str | None = None,
    sender: str = "",
    summary_url: str = "",
    weekly: bool = False,
) -> Composed:
    """`template` for the person `name` of `account`, in their language or the one there is."""
    wanted = as_locale(locale, site.locale)
    spoken, written = template.ready(wanted)
    named = {place.variable for place in written.places}
    plan = session.get(Plan, account.plan_key) if account.plan_key else None
    to = Addressee(
        account="" if account.name == account.external_id else account.name,
        person=name,
        plan=(plan.title or plan.key) if plan is not None else "",
        goal=account.goal or "",
    )
    week = None
    if weekly or any(one.startswith(("week.", "summary.")) for one in named):
        url = summary_url or f"{site.base_url}/team"
        week = week_of_account(session, account.id or 0, locale=spoken, url=url, now=now)
    progress = None
    if checklist is not None and any(one.startswith(OF_A_RUN) for one in named):
        progress = _progress(session, site, account.id or 0, checklist, locale=spoken, now=now)
    said = values(
        to,
        locale=spoken,
        vendor=site.vendor_name,
        sender=sender,
        portal_url=site.base_url,
        today=local_day(now, site.zone),
        zone=site.zone,
        progress=progress,
        week=week,
    )
    return Composed(spoken, fill(written, said))


def as_mail(
    site: Site,
    composed: Composed,
    *,
    to: str,
    terms: Terms,
    letter_id: int | None,
    reply_to: str = "",
    is_automatic: bool = True,
) -> Mail:
    """The mail around it; `letter_id` None for a test, whose links take nobody off."""
    token = unsubscribe_token(site.secrets, letter_id, to) if letter_id is not None else SAMPLE
    url = f"{site.base_url}/unsubscribe/{token}"
    filled = composed.filled

    def around(kind: str, body: str) -> str:
        letter = LetterMail(composed.locale, filled.subject, body, site.vendor_name, terms.footer, url)
        return site.templates.render(composed.locale, f"mails/letter.{kind}", {"mail": letter})

    return Mail(
        to=to,
        subject=filled.subject,
        text=around("txt", filled.text),
        html=around("html", filled.html),
        message_id=_message_id(site, letter_id),
        reply_to=reply_to or terms.reply_to,
        unsubscribe_url=url if letter_id is not None else "",
        is_automatic=is_automatic,
    )


def _message_id(site: Site, letter_id: int | None) -> str:
    # The same for each attempt at a letter, so that a mail program shows it once even if it came twice.
    if letter_id is None:
        return ""
    host = site.base_url.partition("://")[2].partition("/")[0].partition(":")[0] or "localhost"
    return f"<letter.{letter_id}.{site.secrets.mac(NAMED, str(letter_id))[:NAME_MAC]}@{host}>"


def letter_named(session: Session, secrets: Secrets, message_id: str) -> Letter | None:
    """The letter with this Message-ID, if it is one of ours."""
    named = LETTER_ID.match(message_id)
    if named is None:
        return None
    made = (mac[:NAME_MAC] for mac in secrets.macs(NAMED, named[1]))
    return session.get(Letter, int(named[1])) if any(compare_digest(named[2], mac) for mac in made) else None


def _progress(
    session: Session, site: Site, account_id: int, key: str, *, locale: Locale, now: datetime
) -> Progress | None:
    runs = load_runs(session, catalog(session), accounts=[account_id], keys=[key])
    return progress_of(session, site, runs[0], locale=locale, now=now) if runs else None


def progress_of(session: Session, site: Site, run: Run, *, locale: Locale, now: datetime) -> Progress:
    """How `run` stands, as letters tell it."""
    zone, enrollment, definition = site.zone, run.enrollment, run.published.definition
    pauses = [Pause(row.since, row.until) for row in pauses_of(session, enrollment.id or 0)]
    due = effective_due(enrollment.due_at, pauses, as_of=now, zone=zone)
    following = next_step(definition, run.done)
    # The customer is not asked to do the vendor's own work.
    theirs = [step for step in definition.steps if step.by == "customer" and step.key not in run.done]
    quiet_since = max(
        [enrollment.started_at, enrollment.last_progress_at or enrollment.started_at]
        + [one.until for one in pauses if one.until is not None and one.until <= now]
    )
    return Progress(
        title=in_words(definition.title, locale),
        done=sum(step.key in run.done for step in definition.steps),
        total=len(definition.steps),
        due=local_day(due, zone) if due is not None else None,
        days_left=days_left(due, now, zone),
        next_step=in_words(following.title, locale) if following is not None else "",
        open_steps=tuple(in_words(step.title, locale) for step in [one for one in theirs if one.required] or theirs),
        silent_days=max(days_between(quiet_since, now, zone), 0),
        url=f"{site.base_url}/checklists/{run.published.key}",
    )
