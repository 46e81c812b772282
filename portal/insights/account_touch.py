"""Contacts and tasks on the page of a customer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.accounts.paths import customer_path
from portal.insights.last_contact import LastContact, last_contacts
from portal.kit.clock import local_day
from portal.kit.i18n import Message
from portal.touch.contacts import contacts_of, may_change, removed_contacts_of, touches_of
from portal.touch.listing import TaskPage, list_tasks
from portal.touch.models import Contact
from portal.touch.rules import KIND_WORDS

CONTACTS_SHOWN = 6
TASKS_SHOWN = 20
DONE_SHOWN = 10


@dataclass(frozen=True)
class TouchPart:
    """What was said with a customer and what is to be done; `is_reached`: the day to come back is here.

    `changeable` are the ids of contacts that whoever looks can still put right.
    """

    external_id: str
    tasks: TaskPage
    done: TaskPage
    contacts: Sequence[Contact]
    removed: Sequence[Contact]
    changeable: frozenset[int | None]
    kinds: Mapping[str, Message]
    last: LastContact | None
    next_on: date | None
    is_reached: bool

    def new(self, what: str) -> str:
        """The form for one thing more, which leads back here."""
        back = f"{customer_path(self.external_id)}#{'tasks' if what == 'task' else 'contacts'}"
        return f"/staff/touch/{what}/new?{urlencode({'account': self.external_id, 'back': back})}"


def touch_part(
    session: Session, account_id: int, external_id: str, *, staff_id: int | None, now: datetime, zone: ZoneInfo
) -> TouchPart:
    """Those of one customer, as they stand at `now`, for the colleague `staff_id`."""
    today = local_day(now, zone)
    touches = touches_of(session, [account_id])
    touch = touches.get(account_id)
    next_on = touch.next_on if touch else None
    tasks = partial(list_tasks, session, today=today, week_ends=today, account_id=account_id, counted=())
    found = contacts_of(session, account_id, limit=CONTACTS_SHOWN)
    return TouchPart(
        external_id=external_id,
        tasks=tasks(state="open", limit=TASKS_SHOWN),
        done=tasks(state="done", limit=DONE_SHOWN),
        contacts=found,
        changeable=frozenset(one.id for one in found if one.text and may_change(one, staff_id=staff_id, now=now)),
        removed=removed_contacts_of(session, account_id, limit=CONTACTS_SHOWN),
        kinds=KIND_WORDS,
        last=last_contacts(session, [account_id], touches=touches).get(account_id),
        next_on=next_on,
        is_reached=next_on is not None and next_on <= today,
    )
