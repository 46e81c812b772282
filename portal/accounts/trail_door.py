"""How the audit log hears of what staff do in the browser, without each page having to think of it.

Every form of the desk goes through `follow`: its line stands in the transaction of the act itself, with what became of
the fields of customers, people, staff, keys and sources. Every page that names a customer goes through `seen`, after
it has been answered. So a page written tomorrow is on record from its first day.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fastapi import Request
from sqlmodel import Session

from portal.accounts.models import Account, Member
from portal.accounts.people import member_by_id
from portal.accounts.service import account_by_external_id
from portal.accounts.trail import doer, record
from portal.accounts.trail_changes import changes_in, kind_of, plain
from portal.accounts.viewers import StaffViewer
from portal.kit.errors import Unavailable
from portal.kit.memory import Recent
from portal.kit.web import Site

NO_ACTS = ("/preview", "/unsaved", "/search/opened")
"""Ends of addresses that a browser sends by itself while somebody types."""
FILES = re.compile(r"\.(csv|jsonl?|ya?ml|zip|md|pdf|xlsx)$|/export$")
LARGEST_ID = 2**31 - 1
_lately: Recent[str, bool] = Recent(10_000)


@contextlib.contextmanager
def follow(request: Request, session: Session) -> Iterator[None]:
    """For `Site.follow`: hear what a unit of work of this request changes, and add the line once it is done."""
    viewer: StaffViewer | None = getattr(request.state, "staff", None)
    act = route_of(request)
    if viewer is None or act.endswith(NO_ACTS):
        yield
        return
    account, _ = _named(session, request.path_params)
    with changes_in(session) as changes:
        yield
    # One line a form: what it writes in a second unit is told only where there is more to tell.
    if getattr(request.state, "has_written", False) and not changes:
        return
    # Who was erased by this very act is named no more, and a customer who came to be by it is.
    now_named, member = _named(session, {**getattr(request.state, "named", {}), **request.path_params})
    site: Site = request.app.state.site
    record(
        session,
        by=doer(viewer),
        act=act,
        kind=kind_of(act, changes),
        now=site.clock(),
        account=now_named or (account if account is not None and account in session else None),
        member=member,
        detail={"named": plain(dict(request.path_params)), **({"changes": changes} if changes else {})},
    )


async def seen(request: Request, site: Site, viewer: StaffViewer) -> None:
    """Note that a page of a customer was looked at, or a file taken; to be run after the answer has left."""
    route, params, now = route_of(request), request.path_params, site.clock()
    is_file = FILES.search(request.url.path) is not None
    if not is_file and not ({"external_id", "member_id"} & set(params)):
        return
    hour = now.replace(minute=0, second=0, microsecond=0)
    key = f"{site.database.url} {viewer.staff_id} {hour:%Y%m%d%H} {request.url.path}"
    if not is_file and _lately.find(key):
        return

    def work(session: Session) -> None:
        account, member = _named(session, params)
        if not is_file and account is None:
            return
        once = f"{viewer.staff_id} {hour:%Y%m%d%H} {account.id if account else 0} {member.id if member else 0}"
        record(
            session,
            by=doer(viewer),
            act=route,
            kind="exported" if is_file else "seen",
            now=now,
            account=account,
            member=member,
            detail={"named": plain(dict(params)), **({"asked": request.url.query[:500]} if request.url.query else {})},
            once=None if is_file else f"{once} {route}"[:300],
        )

    with contextlib.suppress(Unavailable):
        await site.database.write(work)
        _lately.get(key, lambda: True)


def names_itself(request: Request, external_id: str) -> None:
    """Say which customer a form is about whose address names none: one that it adds."""
    request.state.named = {"external_id": external_id}


def route_of(request: Request) -> str:
    """The address of the page with names in place of what it names: `/staff/accounts/{external_id}/edit`."""
    return str(getattr(request.scope.get("route"), "path_format", request.url.path))


def _named(session: Session, params: Mapping[str, Any]) -> tuple[Account | None, Member | None]:
    """The customer and the person an address names, where they are there."""
    account = member = None
    external_id, member_id = params.get("external_id"), params.get("member_id")
    if isinstance(external_id, str):
        account = account_by_external_id(session, external_id)
    if member_id is not None and str(member_id).isdecimal() and int(member_id) <= LARGEST_ID:
        number = int(member_id)
        member = member_by_id(session, account.id, number) if account and account.id else session.get(Member, number)
        account = account or (session.get(Account, member.account_id) if member else None)
    return account, member
