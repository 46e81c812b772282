"""Telling a channel what waits for it: one message, and what came of it noted with the channel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlmodel import Session

from portal.accounts.paths import customer_path
from portal.checklists.catalog import catalog
from portal.checklists.definition import in_words
from portal.kit import outbound
from portal.kit.i18n import Locale, as_locale
from portal.kit.jobs import Claim, Ended, Failed, Kind
from portal.kit.mail import Mail, Undelivered
from portal.kit.web import Site
from portal.mailing.alert_channels import place_of
from portal.mailing.alert_words import Channel, Line, News, Request, news, plain_text, request, sentence
from portal.mailing.alerts import ask, note_told, waiting_lines
from portal.mailing.models import AlertChannel

NEXT = timedelta(minutes=1)
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 360, 720))


@dataclass(frozen=True)
class AlertMail:
    """For `mails/alert.txt` and `mails/alert.html`."""

    locale: Locale
    subject: str
    news: News
    text: str
    vendor_name: str


@dataclass(frozen=True)
class Told:
    """What came of telling a channel. `failure` "" is success."""

    channel: int
    lines: Sequence[int]
    failure: str = ""


@dataclass(frozen=True)
class _Waiting:
    lines: Sequence[int]
    mail: Mail | None = None
    request: Request | None = None


def kind(site: Site) -> Kind:
    """How alerts are told. Told twice after a crash is better than never."""
    return Kind(partial(tell_channel, site), settle=settle, at_once=1, pauses=PAUSES)


async def tell_channel(site: Site, job: Claim) -> Told | None:
    """Tell one channel what waits for it. Raises `Failed` where it is to be tried again."""
    now, channel_id, test = site.clock(), int(job.payload["channel"]), bool(job.payload.get("test"))
    waiting = await site.database.report(partial(_waiting, site=site, channel_id=channel_id, test=test))
    if waiting is None:
        return None
    failure = ""
    try:
        if waiting.mail is not None:
            await site.mailer.send(waiting.mail, now=now)
        elif waiting.request is not None:
            asked = waiting.request
            answer = await site.outbound.post(asked.url, asked.body, asked.headers)
            failure = "" if 200 <= answer.status < 300 else f"{answer.status} {answer.body}"[:500]
    except (Undelivered, outbound.Refused, outbound.Unreachable) as error:
        failure = str(error)[:500]
    told = Told(channel_id, waiting.lines if not failure else (), failure)
    if failure and not test:
        raise Failed(failure, told)
    return told


def settle(session: Session, ended: Sequence[Ended], now: datetime) -> None:
    """Note what was told, and how the channel is."""
    for one in ended:
        told = one.result
        channel = session.get(AlertChannel, told.channel) if isinstance(told, Told) else None
        if not isinstance(told, Told) or channel is None:
            continue
        if told.failure:
            channel.failed_at, channel.failure = now, told.failure
        else:
            channel.worked_at, channel.failed_at, channel.failure = now, None, ""
        session.add(channel)
        note_told(session, told.lines, now=now)
        if told.lines and waiting_lines(session, told.channel, limit=1):
            # More than fit, or what came up while these were told and found their job still on the table.
            ask(session, told.channel, now=now + NEXT)


def _waiting(session: Session, *, site: Site, channel_id: int, test: bool) -> _Waiting | None:
    channel = session.get(AlertChannel, channel_id)
    if channel is None or (channel.off_at is not None and not test):
        return None
    locale = as_locale(channel.locale, site.locale)
    titles = {one.key: in_words(one.definition.title, locale) for one in catalog(session).live}
    lines = [] if test else waiting_lines(session, channel_id)
    if not lines and not test:
        return None
    said = [
        Line(
            name,
            sentence(line.kind, line.about, titles=titles, locale=locale, zone=site.zone),
            f"{site.base_url}{customer_path(external_id)}",
        )
        for line, external_id, name in lines
    ]
    if test:
        words = sentence("test", {}, titles={}, locale=locale, zone=site.zone)
        said = [Line(site.vendor_name, words, f"{site.base_url}/staff")]
    told = news(said, base_url=site.base_url, locale=locale, test=test)
    place, ids = place_of(channel, site.secrets), [line.id or 0 for line, _, _ in lines]
    if channel.kind == "mail":
        return _Waiting(ids, mail=_mail(site, told, to=place["address"], locale=locale))
    chat: Channel = "slack" if channel.kind == "slack" else "teams" if channel.kind == "teams" else "chatwork"
    return _Waiting(ids, request=request(chat, place, told))


def _mail(site: Site, told: News, *, to: str, locale: Locale) -> Mail:
    letter = AlertMail(locale, told.title, told, plain_text(told), site.vendor_name)
    text, html = (site.templates.render(locale, f"mails/alert.{kind}", {"mail": letter}) for kind in ("txt", "html"))
    return Mail(to=to, subject=told.title, text=text, html=html)
