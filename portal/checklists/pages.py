"""The page of one checklist, and a member's own tick and undo. All of it is forms; scripts only spare the reload."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Form, Request
from fastapi.responses import HTMLResponse
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.visits import MemberViewer, SignedInMember
from portal.checklists.definition import Account
from portal.checklists.shown import ChecklistView, actor_of, view_of
from portal.checklists.state import StepState, state_of
from portal.checklists.steps import complete_step, undo_step
from portal.kit.i18n import Locale, Message
from portal.kit.templating import in_locale
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render

router = page_router(prefix="/checklists")


@dataclass(frozen=True)
class ChecklistPage:
    """For `checklists/show.html`. `back` is where a tick leads back to."""

    checklist: ChecklistView
    back: str
    sees_team: bool


@dataclass(frozen=True)
class After:
    """How things stand once a member has ticked or undone."""

    step: StepState
    title: str
    completes: bool


@router.get("/{key}")
async def show(request: Request, site: SiteDep, viewer: SignedInMember, key: str, step: str = "") -> HTMLResponse:
    """The path, and where one stands on it; `?step=` opens one step."""
    locale, now = locale_of(request, viewer), site.clock()

    def work(session: Session) -> ChecklistView:
        state = state_of(
            session, account_id=viewer.account_id, key=key, now=now, zone=site.zone, member_id=viewer.member_id
        )
        return view_of(session, state, viewer, locale=locale, now=now, zone=site.zone, opened=step)

    view = await site.database.read(work)
    page = ChecklistPage(view, view.href, viewer.is_admin)
    return render(request, "checklists/show.html", page, viewer=viewer, nav="home")


@router.post("/{key}/steps/{step}/completion")
async def complete(
    request: Request, site: SiteDep, viewer: SignedInMember, key: str, step: str, back: Annotated[str, Form()] = ""
) -> Response:
    """A member says that a step is done."""
    after = await _act(site, viewer, key, step, complete_step, locale_of(request, viewer))
    response = redirect(_back(back, key, step))
    flash(request, response, _said(after))
    return response


@router.post("/{key}/steps/{step}/completion/undo")
async def undo(
    request: Request, site: SiteDep, viewer: SignedInMember, key: str, step: str, back: Annotated[str, Form()] = ""
) -> Response:
    """A member takes it back."""
    after = await _act(site, viewer, key, step, undo_step, locale_of(request, viewer))
    response = redirect(_back(back, key, step))
    flash(request, response, Message("“%(step)s” is open again.", step=after.title), kind="note")
    return response


async def _act(
    site: Site, viewer: MemberViewer, key: str, step: str, act: Callable[..., None], locale: Locale
) -> After:
    now = site.clock()
    account_id, zone = viewer.account_id, site.zone

    def work(session: Session) -> After:
        look = partial(
            state_of, session, account_id=account_id, key=key, now=now, zone=zone, member_id=viewer.member_id
        )
        was_open = look().completed_at is None
        act(session, account_id=account_id, key=key, now=now, zone=zone, step_key=step, actor=actor_of(viewer))
        state = look()
        done = next(one for one in state.steps if one.step.key == step)
        return After(done, in_locale(done.step.title, locale=locale), was_open and state.completed_at is not None)

    return await site.database.write(work)


def _said(after: After) -> Message:
    if after.completes:
        return Message("“%(step)s” is done, and with it the whole checklist. Well done!", step=after.title)
    if after.step.done is None and not isinstance(after.step.step.scope, Account):
        return Message("Your part of “%(step)s” is done. If that was a slip, undo it there.", step=after.title)
    return Message("“%(step)s” is done. If that was a slip, undo it there.", step=after.title)


def _back(back: str, key: str, step: str) -> str:
    """Home where the form stood there, else the checklist; either with the step opened, so that undo is at hand."""
    return f"/?step={step}" if back == "/" else f"/checklists/{key}?step={step}#step-{key}-{step}"
