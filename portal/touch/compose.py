"""One form for one customer or a thousand: write down a contact, make a task, set the next date.

Whoever selects customers in a list comes here with them; so does the page of a single one. Those chosen stay with the
form until it is sent, in one field, and whoever has vanished meanwhile is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal, get_args

from fastapi import Request
from sqlmodel import Session, col, select
from starlette.responses import Response

from portal.accounts.models import Account, Member
from portal.accounts.paths import local_path
from portal.accounts.roles import rights_of
from portal.accounts.sent_forms import new_key
from portal.accounts.staff import list_staff
from portal.accounts.visits import StaffViewer
from portal.kit.clock import local_day
from portal.kit.errors import Invalid, NotFound, by_field
from portal.kit.i18n import Message
from portal.kit.web import Site, flash, redirect, render, site_of
from portal.touch.rules import KIND_WORDS, Colleague
from portal.workdays.service import calendar_of

What = Literal["contact", "task", "next"]
WHATS: tuple[What, ...] = get_args(What)
MOST = 20_000
NAMED = 12
CHUNK = 500
AHEAD = (1, 2, 3, 5, 10, 20)
REMINDERS = (
    ("", Message("No reminder")),
    ("0", Message("On the morning it is due")),
    ("1", Message("One business day before")),
    ("3", Message("Three business days before")),
)
TITLES: Mapping[What, Message] = {
    "contact": Message("Record a contact"),
    "task": Message("Add a task"),
    "next": Message("Set the next date"),
}


@dataclass(frozen=True)
class ComposePage:
    """For `touch/compose.html`. `accounts` is what the form carries of the customers, `names` some of them, `more` how
    many others; `ahead` are days (counted, the day that is) to choose from. The form goes to `action`; sent twice, it
    counts once, by its key `once`."""

    what: What
    action: str
    title: Message
    accounts: str
    names: Sequence[tuple[str, str]]
    more: int
    total: int
    back: str
    kinds: Sequence[tuple[str, Message]]
    people: Sequence[str]
    colleagues: Sequence[tuple[str, str]]
    reminders: Sequence[tuple[str, Message]]
    ahead: Sequence[tuple[int, date]]
    typed: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, Sequence[Message]] = field(default_factory=dict)
    once: str = field(default_factory=new_key)


async def compose(
    request: Request,
    viewer: StaffViewer,
    what: What,
    account_ids: Sequence[int],
    *,
    back: str,
    typed: Mapping[str, str] | None = None,
    wrong: Invalid | None = None,
    changing: int | None = None,
) -> Response:
    """The form for these customers; with `wrong` as it was filled in, and what is the matter with it. `changing` is the
    contact that is put right by it."""
    site = site_of(request)
    page = await site.database.read(
        lambda session: _page(session, site, viewer, what, account_ids, local_path(back, "/staff"), typed, wrong)
    )
    if changing is not None:
        page = replace(page, title=Message("Change the contact"), action=f"/staff/contacts/{changing}/change")
    nav = "accounts" if len(account_ids) == 1 else "onboarding"
    status = 422 if wrong else 200
    return render(request, "touch/compose.html", page, viewer=viewer, nav=nav, status=status)


def chosen(session: Session, text: str) -> list[int]:
    """The ids of the customers that a form carries, those that are there; `Invalid` for none."""
    ids = sorted({int(one) for one in text.split(",")[:MOST] if one.isdecimal() and len(one) <= 9})
    found: list[int] = []
    for start in range(0, len(ids), CHUNK):
        asked = select(col(Account.id)).where(col(Account.id).in_(ids[start : start + CHUNK]))
        found += [one for one in session.exec(asked.order_by(col(Account.id))) if one is not None]
    if not found:
        raise Invalid(Message("Choose at least one customer."))
    return found


def colleague(viewer: StaffViewer) -> Colleague:
    """Whoever is signed in, as the one who does something."""
    return Colleague(viewer.staff_id, viewer.email_key, viewer.name)


def colleagues(session: Session, *, besides: int | None = None) -> list[tuple[str, str]]:
    """Whom a task can be given to: whoever sees customers, and `besides` whoever has it already."""
    return [
        (str(one.id), one.name or one.email)
        for one in list_staff(session)
        if "see_customers" in rights_of(one.role) or one.id == besides
    ]


def _page(
    session: Session,
    site: Site,
    viewer: StaffViewer,
    what: What,
    account_ids: Sequence[int],
    back: str,
    typed: Mapping[str, str] | None,
    wrong: Invalid | None,
) -> ComposePage:
    today = local_day(site.clock(), site.zone)
    calendar = calendar_of(session)
    some = session.exec(
        select(col(Account.external_id), col(Account.name))
        .where(col(Account.id).in_(account_ids[:NAMED]))
        .order_by(col(Account.name), col(Account.id))
    ).all()
    errors = by_field(wrong.problems if wrong else ())
    starting = {"kind": "phone", "day": today.isoformat(), "staff_id": str(viewer.staff_id), "remind": "0"}
    return ComposePage(
        what=what,
        action=f"/staff/touch/{what}",
        title=TITLES[what],
        accounts=",".join(map(str, account_ids)),
        names=[(external_id, name) for external_id, name in some],
        more=len(account_ids) - len(some),
        total=len(account_ids),
        back=back,
        kinds=tuple(KIND_WORDS.items()),
        people=_people(session, account_ids[0]) if len(account_ids) == 1 else (),
        colleagues=colleagues(session),
        reminders=REMINDERS,
        ahead=[(count, calendar.add_business_days(today, count)) for count in AHEAD],
        typed=typed if typed is not None else starting,
        errors=errors,
    )


def _people(session: Session, account_id: int) -> list[str]:
    asked = select(col(Member.name)).where(
        col(Member.account_id) == account_id, col(Member.left_at).is_(None), col(Member.name) != ""
    )
    return list(session.exec(asked.order_by(col(Member.name)).limit(100)))


def number_in(asked: int) -> int:
    """An id that a database can be asked for; `NotFound` for any other number."""
    if not 0 < asked < 2**31:
        raise NotFound
    return asked


def told(request: Request, path: str, said: Message, *, kind: str = "good") -> Response:
    """On to `path`, with a word on how it went."""
    response = redirect(path)
    flash(request, response, said, kind=kind)
    return response
