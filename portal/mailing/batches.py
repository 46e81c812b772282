"""Mails by hand: one template to a selection, after the number was confirmed; and what became of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlmodel import Session, col

from portal.kit.db import zone_of
from portal.kit.errors import Conflict, NotFound
from portal.kit.i18n import Locale, Message
from portal.mailing.configured import terms
from portal.mailing.letters import Draft, write_down
from portal.mailing.models import Letter, MailBatch
from portal.mailing.rules import Whom
from portal.mailing.selection import Recipient
from portal.mailing.templates import Template
from portal.mailing.variables import OF_A_RUN
from portal.mailing.written import write

KEY = re.compile(r"[A-Za-z0-9_-]{16,40}")


class CountChanged(Conflict):
    """Since the number was confirmed, whom it would go to has changed; nothing was sent."""

    def __init__(self, count: int) -> None:
        super().__init__(Message("It would go to %(count)s people now. Nothing was sent yet.", count=count))
        self.count = count


@dataclass(frozen=True)
class Sender:
    """Who sends: `key` is their mail address, to which answers go."""

    key: str
    name: str


def needs_run(template: Template) -> bool:
    """Whether a template names anything of a checklist."""
    return any(
        place.variable.startswith(OF_A_RUN)
        for words in template.texts.values()
        for place in write(words.subject, words.body).places
    )


def send_batch(
    session: Session,
    template: Template,
    found: Sequence[Recipient],
    *,
    key: str,
    confirmed: int,
    whom: Whom,
    checklist: str | None,
    at_once: bool,
    by: Sender,
    locale: Locale,
    now: datetime,
) -> MailBatch:
    """Send `template` to those of `found` who can get it; the others are written down as held back, with the reason.

    `key` came with the form: sent a second time it gives the batch there is, and nothing goes twice. Raises
    `CountChanged` where it would not go to exactly `confirmed` people.
    """
    known: MailBatch | None = session.execute(select(MailBatch).where(col(MailBatch.key) == key)).scalar_one_or_none()
    if known is not None:
        return known
    going = sum(one.reason is None for one in found)
    if going != confirmed or going == 0:
        raise CountChanged(going)
    batch = MailBatch(
        key=key,
        template_key=template.key,
        title=template.title.into(locale) if isinstance(template.title, Message) else template.title,
        texts=template.dumped(),
        whom=whom,
        checklist_key=checklist,
        at_once=at_once,
        by=by.key,
        by_name=by.name,
        at=now,
    )
    session.add(batch)
    session.flush()
    because = {"checklist": checklist} if checklist else {}
    drafts = [
        Draft(
            one.account_id,
            "hand",
            template.key,
            one.someone,
            batch_id=batch.id,
            enrollment_id=one.enrollment_id,
            because=because,
            by=by.key,
            by_name=by.name,
            held=one.reason,
            detail=one.detail,
        )
        for one in found
    ]
    run_at = now if at_once else terms(session).hours.next_open(now, zone_of(session))
    write_down(session, drafts, now=now, run_at=run_at)
    return batch


def batch_by_id(session: Session, batch_id: int) -> MailBatch:
    """One of them, or `NotFound`."""
    found = session.get(MailBatch, batch_id)
    if found is None:
        raise NotFound
    return found


def list_batches(session: Session, *, limit: int = 20) -> Sequence[tuple[MailBatch, Mapping[str, int]]]:
    """The latest, newest first, each with how many letters are in which state."""
    rows = session.execute(select(MailBatch).order_by(col(MailBatch.id).desc()).limit(limit)).scalars().all()
    return [(row, states_of(session, row.id or 0)) for row in rows]


def states_of(session: Session, batch_id: int) -> Mapping[str, int]:
    """How many letters of a batch are in which state."""
    asked = select(col(Letter.state), func.count()).where(col(Letter.batch_id) == batch_id).group_by(col(Letter.state))
    return dict(session.connection().execute(asked).all())


def accounts_of_batch(session: Session, batch_id: int) -> list[int]:
    """The customers to whom something of a batch went, or will go."""
    asked = select(col(Letter.account_id)).where(col(Letter.batch_id) == batch_id, col(Letter.state) != "held")
    return sorted(session.execute(asked.distinct()).scalars())


def take_back(session: Session, batch_id: int, *, now: datetime) -> int:
    """Hold back whatever of a batch was not begun yet; how many that were."""
    waiting = (col(Letter.batch_id) == batch_id, col(Letter.state) == "waiting")
    held = update(Letter).where(*waiting).values(state="held", reason="withdrawn", at=now)
    return session.connection().execute(held).rowcount
