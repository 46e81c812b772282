"""Channels of alerts: added, tried, switched off and on, removed. What leads to one is encrypted, not shown again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import get_args
from urllib.parse import urlsplit

import orjson
from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from portal.accounts.rules import is_email
from portal.kit.addresses import Policy
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Locale, Message
from portal.kit.jobs import enqueue, lane_of, withdraw
from portal.kit.secrets import Secrets
from portal.kit.typed_urls import url_problems
from portal.mailing.alert_words import Channel
from portal.mailing.alerts import ALERTS, JOB, ask
from portal.mailing.models import AlertChannel, AlertLine

KINDS: tuple[Channel, ...] = get_args(Channel)
KIND_WORDS: Mapping[str, Message] = {
    "mail": Message("Mail"),
    "slack": Message("Slack"),
    "teams": Message("Microsoft Teams"),
    "chatwork": Message("Chatwork"),
}


ROOM = re.compile(r"[0-9]{1,20}")
TOKEN = re.compile(r"[!-~]{1,200}")
"""It stands in a header, so no line break may be in it."""


@dataclass(frozen=True)
class WantedChannel:
    """What somebody says of a channel. `address` is a mail address or the webhook's URL; Chatwork takes `room` and
    `token`."""

    kind: str
    title: str
    address: str = ""
    room: str = ""
    token: str = ""
    wants: Sequence[str] = ()
    silent_days: int = 14
    locale: Locale = "ja"


def add_channel(
    session: Session, wanted: WantedChannel, *, secrets: Secrets, policy: Policy, by: str, now: datetime
) -> AlertChannel:
    """A new channel. Raises `Invalid` with every problem."""
    problems = problems_of(wanted, policy)
    if problems:
        raise Invalid(Message("The channel was not added."), problems=problems)
    place, hint = _place(wanted)
    row = AlertChannel(
        kind=wanted.kind,
        title=wanted.title.strip(),
        sealed=secrets.encrypt(orjson.dumps(place).decode()),
        hint=hint,
        wants=[one for one in ALERTS if one in wanted.wants],
        silent_days=wanted.silent_days,
        locale=wanted.locale,
        created_at=now,
        created_by=by,
    )
    session.add(row)
    session.flush()
    return row


def problems_of(wanted: WantedChannel, policy: Policy) -> list[FieldProblem]:
    """Everything that is wrong with what somebody says of a channel."""
    found: list[FieldProblem] = []

    def problem(field: str, code: str, message: Message) -> None:
        found.append(FieldProblem(field, code, message))

    if wanted.kind not in KINDS:
        problem("kind", "unknown", Message("choose where the alerts go"))
    if not wanted.title.strip() or len(wanted.title) > 100:
        problem("title", "length", Message("a name of 100 characters at most is needed"))
    if not set(wanted.wants) & set(ALERTS):
        problem("wants", "empty", Message("choose what to be told of"))
    if not 1 <= wanted.silent_days <= 365:
        problem("silent_days", "range", Message("this must be a number from 1 to 365"))
    if wanted.kind == "mail" and not is_email(wanted.address):
        problem("address", "not_an_address", Message("“%(value)s” is not a mail address", value=wanted.address[:60]))
    if wanted.kind in ("slack", "teams"):
        found += [FieldProblem("address", one.code, one.message) for one in url_problems(wanted.address, policy)]
    if wanted.kind == "chatwork":
        if not ROOM.fullmatch(wanted.room.strip()):
            problem("room", "not_a_room", Message("the room is a number: the digits after rid in its address"))
        if not TOKEN.fullmatch(wanted.token.strip()):
            problem("token", "empty", Message("the API token is needed"))
    return found


def channel_by_id(session: Session, channel_id: int) -> AlertChannel:
    """One channel, or `NotFound`."""
    row = session.get(AlertChannel, channel_id)
    if row is None:
        raise NotFound
    return row


def list_channels(session: Session) -> Sequence[tuple[AlertChannel, int]]:
    """All of them in the order they were added, each with how many lines wait."""
    waiting = (
        select(col(AlertLine.channel_id), func.count())
        .where(col(AlertLine.sent_at).is_(None))
        .group_by(col(AlertLine.channel_id))
    )
    counts: dict[int, int] = {row[0]: row[1] for row in session.connection().execute(waiting)}
    rows = session.execute(select(AlertChannel).order_by(col(AlertChannel.id))).scalars().all()
    return [(row, counts.get(row.id or 0, 0)) for row in rows]


def place_of(channel: AlertChannel, secrets: Secrets) -> Mapping[str, str]:
    """What leads to the channel."""
    found: dict[str, str] = orjson.loads(secrets.decrypt(channel.sealed))
    return found


def switch_channel(session: Session, channel_id: int, *, on: bool, now: datetime) -> None:
    """Tell it again from now on, or nothing more; what waited is told when it is on again."""
    row = channel_by_id(session, channel_id)
    row.off_at = None if on else (row.off_at or now)
    session.add(row)
    session.flush()
    if on:
        ask(session, channel_id, now=now)
    else:
        withdraw(session, lane=lane_of(JOB, str(channel_id)))


def try_channel(session: Session, channel_id: int, *, now: datetime) -> None:
    """Send a test now, whatever the hour."""
    channel_by_id(session, channel_id)
    enqueue(session, JOB, {"channel": channel_id, "test": True}, now=now, lane=str(channel_id))


def remove_channel(session: Session, channel_id: int) -> None:
    """It is gone, with all that waited for it."""
    channel_by_id(session, channel_id)
    withdraw(session, lane=lane_of(JOB, str(channel_id)))
    session.connection().execute(delete(AlertChannel).where(col(AlertChannel.id) == channel_id))


def _place(wanted: WantedChannel) -> tuple[dict[str, str], str]:
    if wanted.kind == "chatwork":
        return {"room": wanted.room.strip(), "token": wanted.token.strip()}, f"rid{wanted.room.strip()}"
    if wanted.kind == "mail":
        return {"address": wanted.address.strip()}, wanted.address.strip()
    host = urlsplit(wanted.address).hostname or ""
    return {"url": wanted.address}, f"{host}/…{wanted.address[-4:]}"
