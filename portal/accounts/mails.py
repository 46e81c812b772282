"""The sign-in mail: the code on its first line, how long it lasts in words, and what to do if one did not ask.

It is composed and sent by a job, and only there is it known whether anyone has the address at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlmodel import Session

from portal.accounts.models import SignInLink
from portal.accounts.sign_in import Person, link_path, who_is
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.jobs import Claim
from portal.kit.mail import Mail
from portal.kit.templating import Templates
from portal.kit.web import Site


@dataclass(frozen=True)
class SignInMail:
    """For `mails/sign_in.txt` and `mails/sign_in.html`."""

    locale: Locale
    subject: Message
    salutation: Message
    vendor_name: str
    code: str
    url: str
    lasts: Message


@dataclass(frozen=True)
class _Waiting:
    person: Person
    minutes: int


async def send_sign_in_mail(site: Site, job: Claim) -> None:
    """The handler of `sign_in.MAIL_JOB`; for an address nobody has, or a link no longer good, it sends nothing."""
    now = site.clock()
    link_id = int(job.payload["link"])
    waiting = await site.database.read(lambda session: _waiting(session, link_id, now=now))
    if waiting is None:
        return
    token, code = orjson.loads(site.secrets.decrypt(job.payload["sealed"]))
    asked_in = as_locale(job.payload.get("locale"), site.locale)
    letter = compose_sign_in_mail(
        site.templates,
        waiting.person,
        locale=as_locale(waiting.person.locale, asked_in),
        vendor_name=site.vendor_name,
        code=code,
        url=f"{site.base_url.rstrip('/')}{link_path(token)}",
        minutes=waiting.minutes,
    )
    await site.mailer.send(letter, now=now)


def compose_sign_in_mail(
    templates: Templates, person: Person, *, locale: Locale, vendor_name: str, code: str, url: str, minutes: int
) -> Mail:
    """The mail, in text and HTML. The code is not in the subject, which shows on locked screens."""
    letter = SignInMail(
        locale=locale,
        subject=Message("Sign in to %(vendor)s", vendor=vendor_name),
        salutation=salutation(person),
        vendor_name=vendor_name,
        code=code,
        url=url,
        lasts=span_in_words(minutes),
    )
    text, html = (templates.render(locale, f"mails/sign_in.{kind}", {"mail": letter}) for kind in ("txt", "html"))
    return Mail(to=person.email, subject=letter.subject.into(locale), text=text, html=html)


def salutation(person: Person) -> Message:
    """How a mail opens: 「株式会社○○ 田中様」, 「株式会社○○ 御中」, among colleagues 「田中さん」."""
    if person.staff_id is not None:
        return Message("Hello %(name)s,", name=person.name) if person.name else Message("Hello,")
    if person.name:
        return Message("Dear %(name)s (%(account)s),", name=person.name, account=person.account_name)
    return Message("To everyone at %(account)s,", account=person.account_name)


def span_in_words(minutes: int) -> Message:
    """`30 minutes`, `1 hour`, `24 hours`."""
    if minutes == 60:
        return Message("1 hour")
    if minutes % 60 == 0:
        return Message("%(hours)s hours", hours=minutes // 60)
    return Message("1 minute") if minutes == 1 else Message("%(minutes)s minutes", minutes=minutes)


def _waiting(session: Session, link_id: int, *, now: datetime) -> _Waiting | None:
    link = session.get(SignInLink, link_id)
    if link is None or link.used_at is not None or link.expires_at <= now:
        return None
    person = who_is(session, link.email_key, now=now)
    lasts = link.expires_at - link.created_at
    return _Waiting(person, int(lasts.total_seconds() // 60)) if person is not None else None
