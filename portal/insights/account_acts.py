"""What staff do for a customer: tick a step, take it back, make exceptions; all of it on record, with who and why."""

from collections.abc import Callable
from datetime import date
from typing import Annotated
from urllib.parse import quote

from fastapi import Form, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.paths import customer_path
from portal.accounts.service import account_by_external_id, id_of
from portal.accounts.visits import ActsForCustomers, StaffViewer
from portal.checklists.actors import Actor
from portal.checklists.exceptions import Change, make_exception
from portal.checklists.steps import complete_step, undo_step
from portal.kit.clock import day_start
from portal.kit.errors import Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.web import Site, SiteDep, flash, page_router, redirect

router = page_router(prefix="/staff/accounts")


@router.post("/{external_id:path}/checklists/{key}/steps/{step}/{act}")
async def act_on_step(
    request: Request, site: SiteDep, viewer: ActsForCustomers, external_id: str, key: str, step: str, act: str
) -> Response:
    """Staff tick a step, or take a completion back."""
    doing: dict[str, Callable[..., None]] = {"complete": complete_step, "undo": undo_step}
    if act not in doing:
        raise NotFound
    now = site.clock()

    def work(session: Session) -> None:
        doing[act](
            session,
            account_id=_id(session, external_id),
            key=key,
            step_key=step,
            actor=_actor(viewer),
            now=now,
            zone=site.zone,
        )

    await site.database.write(work)
    said = Message("The step is done.") if act == "complete" else Message("The step is open again.")
    return _back(request, external_id, key, said)


@router.post("/{external_id:path}/checklists/{key}/exception")
async def except_from_rule(
    request: Request,
    site: SiteDep,
    viewer: ActsForCustomers,
    external_id: str,
    key: str,
    act: Annotated[str, Form(max_length=10)],
    reason: Annotated[str, Form(max_length=1000)] = "",
    day: Annotated[str, Form(max_length=10)] = "",
) -> Response:
    """Move the start, change the deadline, pause, exclude, and back: each with its reason."""
    now = site.clock()

    def work(session: Session) -> None:
        make_exception(
            session,
            account_id=_id(session, external_id),
            key=key,
            change=_change(act, reason, day, site),
            actor=_actor(viewer),
            now=now,
            zone=site.zone,
        )

    try:
        await site.database.write(work)
    except Invalid as error:
        return _back(request, external_id, key, error.message, kind="bad")
    return _back(request, external_id, key, Message("Done, and kept on record with its reason."))


def _change(act: str, reason: str, day: str, site: Site) -> Change:
    """The exception a form asks for; a day is one of the vendor's zone."""
    if act in ("start", "due"):
        try:
            at = day_start(date.fromisoformat(day), site.zone)
        except ValueError as error:
            raise Invalid(Message("Choose a day that exists.")) from error
        return Change(reason, started_at=at) if act == "start" else Change(reason, due_at=at)
    if act == "rule":
        return Change(reason, due_at=None)
    if act in ("pause", "resume"):
        return Change(reason, paused=act == "pause")
    if act in ("exclude", "include"):
        return Change(reason, excluded=act == "exclude")
    raise NotFound


def _id(session: Session, external_id: str) -> int:
    account = account_by_external_id(session, external_id)
    if account is None:
        raise NotFound
    return id_of(account)


def _actor(viewer: StaffViewer) -> Actor:
    return Actor(kind="staff", key=viewer.email_key, name=viewer.name)


def _back(request: Request, external_id: str, key: str, said: Message, *, kind: str = "good") -> Response:
    response = redirect(f"{customer_path(external_id)}#checklist-{quote(key)}")
    flash(request, response, said, kind=kind)
    return response
