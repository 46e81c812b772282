"""The two buttons of looking as a member: at the member's page, and on the banner that says so."""

from fastapi import Request
from starlette.responses import Response

from portal.accounts.looking import look_as, stop_looking
from portal.accounts.paths import customer_path
from portal.accounts.visits import MaybeViewer, MemberViewer, SeesCustomers, while_looking
from portal.kit.i18n import Message
from portal.kit.web import SiteDep, flash, page_router, redirect, site_of

router = page_router()


@router.post("/staff/members/{member_id}/look")
async def begin(request: Request, viewer: SeesCustomers, member_id: int) -> Response:
    """See what this person sees."""
    site = site_of(request)  # the line of the audit log is `look_as`'s own
    now = site.clock()
    await site.database.write(lambda session: look_as(session, viewer, member_id, now=now))
    return redirect("/")


@router.post("/look/end")
@while_looking
async def end(request: Request, site: SiteDep, viewer: MaybeViewer) -> Response:
    """Back to the desk, to the customer whose person it was; also after it has ended by itself."""
    if not isinstance(viewer, MemberViewer) or viewer.looking is None:
        return redirect("/")
    now = site.clock()
    await site.database.write(lambda session: stop_looking(session, viewer, now=now))
    response = redirect(customer_path(viewer.account_external_id))
    flash(request, response, Message("You are yourself again. Nothing was recorded as %(name)s.", name=viewer.name))
    return response
