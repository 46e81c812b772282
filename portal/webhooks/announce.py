"""From what happened to what is delivered: one message, and a job for each endpoint that wants it.

Called in the transaction of what happened. Where nobody listens, that is one query of a table of no rows. A disabled
endpoint gets no jobs, but the message is kept, so that what was missed can be recovered.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.checklists.news import ChecklistCompleted, News, StepCompleted
from portal.events.rollups import Recorded
from portal.kit.dates import iso
from portal.kit.jobs import enqueue_all
from portal.kit.secrets import new_token
from portal.webhooks.models import Endpoint, Told
from portal.webhooks.rules import body_of

JOB = "webhooks.deliver"
OF_EVENTS = {"tutorial.completed": "tutorial", "webinar.watched": "webinar"}
"""Events of the portal that are told as they are, and the property that says which one it was about."""


@dataclass(frozen=True)
class Happening:
    """Something to tell. `data` is thin: whoever wants to know more asks the API."""

    type: str
    at: datetime
    data: Mapping[str, Any]


def on_checklist_news(session: Session, news: Sequence[News], now: datetime) -> None:
    """Listens to `checklists.news`."""
    announce(session, [_of_checklist(one) for one in news], now=now)


def on_events(session: Session, recorded: Sequence[Recorded], now: datetime) -> None:
    """Listens to `events.ingest`."""
    told = [event for event in recorded if event.name in OF_EVENTS]
    if told and _listeners(session, {event.name for event in told}):
        accounts = _names(session, Account, {event.account_id for event in told})
        members = _names(session, Member, {event.member_id for event in told if event.member_id is not None})
        happenings = []
        for event in told:
            about = OF_EVENTS[event.name]
            data = {
                "account": accounts.get(event.account_id),
                "member": members.get(event.member_id or 0),
                about: event.properties.get(about),
            }
            happenings.append(Happening(event.name, event.at, data))
        announce(session, happenings, now=now)


def announce(session: Session, happenings: Sequence[Happening], *, now: datetime) -> None:
    """Tell everybody who wants to know."""
    listeners = _listeners(session, {one.type for one in happenings}) if happenings else []
    if not listeners:
        return
    messages: list[dict[str, Any]] = []
    jobs: list[tuple[str, Mapping[str, Any]]] = []
    for one in happenings:
        wanted = [listener for listener in listeners if not listener.types or one.type in listener.types]
        if wanted:
            messages.append(message_row(one, now=now))
            key = messages[-1]["key"]
            jobs += [job_of(listener.endpoint, key) for listener in wanted if listener.is_enabled]
    if messages:
        session.connection().execute(insert(Told), messages)
        enqueue_all(session, JOB, jobs, now=now)


def message_row(one: Happening, *, now: datetime) -> dict[str, Any]:
    """The message as it is stored."""
    return {
        "key": new_token("msg_", size=20),
        "type": one.type,
        "at": now,
        "body": body_of(one.type, one.at, one.data),
        "account": one.data.get("account"),
        "member": one.data.get("member"),
    }


def job_of(endpoint: int, message: str, **more: Any) -> tuple[str, Mapping[str, Any]]:
    """The lane and payload of a delivery."""
    return str(endpoint), {"endpoint": endpoint, "message": message, **more}


@dataclass(frozen=True)
class _Listener:
    endpoint: int
    types: frozenset[str]
    is_enabled: bool


def _listeners(session: Session, types: set[str]) -> list[_Listener]:
    """Endpoints that want one of `types`, disabled ones too."""
    rows = session.connection().execute(select(col(Endpoint.id), col(Endpoint.event_types), col(Endpoint.disabled_at)))
    found = [_Listener(row[0] or 0, frozenset(row[1]), row[2] is None) for row in rows]
    return [listener for listener in found if not listener.types or types & listener.types]


def _of_checklist(one: News) -> Happening:
    data: dict[str, Any] = {"account": one.account, "checklist": one.checklist, "version": one.version}
    match one:
        case StepCompleted():
            return Happening("checklist.step_completed", one.at, {**data, "step": one.step, "how": one.how})
        case ChecklistCompleted():
            return Happening("checklist.completed", one.at, data)
    return Happening("checklist.overdue", one.due_at, {**data, "due_at": iso(one.due_at)})


def _names(session: Session, table: type[Account | Member], ids: set[int]) -> dict[int, str | None]:
    """External ids; a person who has none is told of as nobody in particular."""
    rows = session.connection().execute(select(col(table.id), col(table.external_id)).where(col(table.id).in_(ids)))
    return {row[0] or 0: row[1] for row in rows}
