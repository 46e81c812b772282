"""One's own page: who one is here, in which language, and where one is signed in."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from starlette.responses import Response

from portal.accounts.sessions import OwnVisit, end_other_visits, end_own_visit, own_visits
from portal.accounts.viewers import remember_locale
from portal.accounts.visits import SignedIn
from portal.kit.errors import Invalid
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.web import SiteDep, flash, locale_of, page_router, redirect, render

router = page_router(prefix="/me")


@dataclass(frozen=True)
class MePage:
    """For `accounts/me.html`."""

    name: str
    address: str
    account_name: str
    locale: Locale
    visits: Sequence[OwnVisit]


@router.get("")
async def show(request: Request, site: SiteDep, viewer: SignedIn) -> HTMLResponse:
    """One's own page."""
    now = site.clock()
    visits = await site.database.read(lambda session: own_visits(session, viewer, now=now))
    page = MePage(
        name=viewer.name,
        address=viewer.email_key or "",
        account_name=viewer.account_name,
        locale=locale_of(request, viewer),
        visits=visits,
    )
    return render(request, "accounts/me.html", page, viewer=viewer, nav="me")


@router.post("/language")
async def choose_language(
    request: Request, site: SiteDep, viewer: SignedIn, language: Annotated[str, Form()] = ""
) -> Response:
    """Read in another language from now on."""
    if language not in LOCALES:
        raise Invalid(Message("Please choose one of the languages on the page."))
    locale = as_locale(language)
    await site.database.write(lambda session: remember_locale(session, viewer, locale))
    response = redirect("/me")
    flash(request, response, Message("Your language is saved."))
    return response


@router.post("/visits/{visit_id}/end")
async def end_one(request: Request, site: SiteDep, viewer: SignedIn, visit_id: int) -> Response:
    """Sign out one of one's own browsers."""
    now = site.clock()
    await site.database.write(lambda session: end_own_visit(session, viewer, visit_id, now=now))
    response = redirect("/me")
    flash(request, response, Message("That browser is signed out."))
    return response


@router.post("/visits/end-others")
async def end_others(request: Request, site: SiteDep, viewer: SignedIn) -> Response:
    """Sign out every browser but this one."""
    now = site.clock()
    await site.database.write(lambda session: end_other_visits(session, viewer, now=now))
    response = redirect("/me")
    flash(request, response, Message("Every other browser is signed out."))
    return response
