"""Inviting the people of several customers at once: who would get a mail is seen first, and their number confirmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from fastapi import Request, Response
from sqlmodel import Session
from starlette.datastructures import FormData

from portal.accounts.errors import CannotInvite
from portal.accounts.invitation_pages import inviter
from portal.accounts.invitations import absent_among, invite
from portal.accounts.looked_after import names_of
from portal.accounts.models import Account, Member
from portal.accounts.rules import is_shared_address
from portal.accounts.visits import ActsForCustomers, StaffViewer
from portal.kit.db import chunks
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect, render
from portal.mailing.addresses import stopped_among
from portal.workshop.chosen import chosen, existing, numbers_in

router = page_router(prefix="/staff/invitations")
MOST = 2_000
"""As many are invited at once: each of them waits for a mail of their own."""
TOGETHER = 100
SHOWN = 100


@dataclass(frozen=True)
class InvitingPage:
    """For `workshop/inviting.html`. `going` would be invited; `shared` are those of their addresses that several people
    read, `unreached` how many are left out because mails to them come back. `changed`: the number is another by now."""

    ids: Sequence[int]
    going: Sequence[tuple[Member, Account]]
    customers: int
    shared: Sequence[str]
    unreached: int
    changed: bool
    most: int = MOST
    shown: int = SHOWN


@router.post("")
async def ask(request: Request, site: SiteDep, viewer: ActsForCustomers) -> Response:
    """Whoever was chosen in a list: who of their people would be invited; then inviting exactly so many."""
    said = await request.form()
    if "ids" not in said:
        return await _page(request, site, viewer, await _picked(site, viewer, said))
    ids = numbers_in(_text(said, "ids"))
    going = await site.database.report(lambda session: _going(session, site, ids)[0])
    if _text(said, "count") != str(len(going)) or not 0 < len(going) <= MOST:
        return await _page(request, site, viewer, ids, changed=True)
    invited = 0
    for some in chunks([member.id or 0 for member, _ in going], TOGETHER):
        invited += await site.database.write(partial(_invite, site=site, viewer=viewer, ids=ids, some=frozenset(some)))
    answer = redirect("/staff/accounts")
    flash(request, answer, Message("%(count)s invitations are on their way.", count=invited))
    return answer


async def _picked(site: Site, viewer: StaffViewer, said: FormData) -> list[int]:
    pick = partial(
        chosen,
        ticked=[one for one in said.getlist("account") if isinstance(one, str)],
        among=_text(said, "among"),
        all_of_it=bool(_text(said, "all")),
        names=names_of(viewer),
        now=site.clock(),
        zone=site.zone,
    )
    return await site.database.report(pick)


def _going(session: Session, site: Site, ids: Sequence[int]) -> tuple[list[tuple[Member, Account]], int]:
    """Who would be invited, and how many are not because nobody is reached at their address."""
    found = absent_among(session, existing(session, ids), now=site.clock())
    stopped = stopped_among(session, [member.email_key or "" for member, _ in found])
    going = [(member, account) for member, account in found if stopped.get(member.email_key or "") != "bounced"]
    return going, len(found) - len(going)


def _invite(session: Session, *, site: Site, viewer: StaffViewer, ids: Sequence[int], some: frozenset[int]) -> int:
    invited = 0
    for member, account in _going(session, site, ids)[0]:
        if member.id in some:
            try:
                invite(session, site.secrets, account, member, by=inviter(viewer), now=site.clock())
            except CannotInvite:
                continue  # left, or changed, since they were counted
            invited += 1
    return invited


async def _page(
    request: Request, site: Site, viewer: StaffViewer, ids: Sequence[int], *, changed: bool = False
) -> Response:
    def work(session: Session) -> InvitingPage:
        going, unreached = _going(session, site, ids)
        shared = [member.email for member, _ in going if member.email and is_shared_address(member.email)]
        return InvitingPage(ids, going, len(existing(session, ids)), shared, unreached, changed)

    page = await site.database.report(work)
    return render(
        request, "workshop/inviting.html", page, viewer=viewer, nav="accounts", status=409 if changed else 200
    )


def _text(said: FormData, name: str) -> str:
    value = said.get(name, "")
    return value if isinstance(value, str) else ""
