"""What routes ask for: `MaybeViewer`, `SignedIn`, `SignedInMember`, `SignedInAdmin` or `SignedInStaff`; and, of staff
with a right of their role, `SeesCustomers`, `ActsForCustomers`, `WritesContent`, `ConnectsSystems`, `ManagesStaff`.

The session is read on every request; nobody is led to the sign-in page and back, and what is not for one is a 404.
Staff whose role does not reach are told so: they know that the page exists.
"""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from fastapi import BackgroundTasks, Depends, Request
from sqlmodel import Session
from starlette.responses import Response

from portal.accounts.paths import sign_in_path
from portal.accounts.roles import Right
from portal.accounts.trail_door import seen
from portal.accounts.viewers import (
    AnyViewer,
    MemberViewer,
    StaffViewer,
    find_viewer,
    is_customer,
    note_visit,
    remember_locale,
)
from portal.kit.errors import BansoError, Forbidden, NotFound, Unavailable
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.secrets import hash_token
from portal.kit.web import SAFE_METHODS, Site, SiteDep, redirect, session_cookie

__all__ = [
    "ActsForCustomers",
    "AnyViewer",
    "ConnectsSystems",
    "ManagesStaff",
    "MaybeViewer",
    "MemberViewer",
    "OnlyLooking",
    "SeesCustomers",
    "SignInNeeded",
    "SignedIn",
    "SignedInAdmin",
    "SignedInMember",
    "SignedInStaff",
    "StaffViewer",
    "WritesContent",
    "ask_to_sign_in",
    "is_customer",
    "needs",
    "read_for_viewer",
    "upload_door",
    "while_looking",
]

T = TypeVar("T")
E = TypeVar("E", bound=Callable[..., object])
SEEN_EVERY = timedelta(hours=1)


class OnlyLooking(Forbidden):
    """Staff who look at the portal as a member sees it tried to do something, or to open the desk."""

    code = "only_looking"

    def __init__(self, viewer: MemberViewer, message: Message | None = None) -> None:
        said = Message(
            "You are only looking as %(name)s, so nothing was done and nothing recorded. End the viewing first.",
            name=viewer.name,
        )
        super().__init__(message or said)


def while_looking(endpoint: E) -> E:
    """Mark a route that may act though staff only look as a member: what ends the looking."""
    endpoint.while_looking = True  # type: ignore[attr-defined]
    return endpoint


class SignInNeeded(BansoError):
    """Nobody is signed in and somebody must be; pages answer with the sign-in page and come back to `next_path`."""

    status = 401
    code = "sign_in_needed"

    def __init__(self, next_path: str) -> None:
        super().__init__(Message("Please sign in to see this."))
        self.next_path = next_path


async def ask_to_sign_in(_request: Request, error: Exception) -> Response:
    """The handler for `SignInNeeded`, for the composition root to install."""
    return redirect(sign_in_path(error.next_path if isinstance(error, SignInNeeded) else "/"))


async def maybe_viewer(request: Request, site: SiteDep) -> AnyViewer | None:
    """Whoever is signed in, if anyone. A language asked for with `?lang=` becomes their choice."""
    if not session_cookie(request):
        return None
    viewer, _ = await read_for_viewer(request, site, lambda _session, _viewer: None)
    return viewer


async def read_for_viewer(
    request: Request, site: Site, work: Callable[[Session, AnyViewer | None], T]
) -> tuple[AnyViewer | None, T]:
    """Whoever is signed in, as `maybe_viewer` finds them, and what `work` reads for them, in one unit of work."""
    token = session_cookie(request)
    token_hash = hash_token(token) if token else None
    now = site.clock()

    def look(session: Session) -> tuple[AnyViewer | None, T]:
        viewer = find_viewer(session, token_hash, now=now) if token_hash else None
        return viewer, work(session, viewer)

    viewer, found = await site.database.read(look)
    if isinstance(viewer, MemberViewer) and viewer.looking is not None:
        request.state.looking = viewer
        may_act = getattr(request.scope.get("endpoint"), "while_looking", False)
        if request.method not in SAFE_METHODS and not may_act:
            raise OnlyLooking(viewer)
    return viewer and await _noted(request, site, viewer, now=now), found


async def _noted(request: Request, site: Site, viewer: AnyViewer, *, now: datetime) -> AnyViewer:
    """The viewer, with what their coming changes written down."""
    asked = request.query_params.get("lang", "")
    is_looking = isinstance(viewer, MemberViewer) and viewer.looking is not None
    changes_language = asked in LOCALES and asked != viewer.locale and not is_looking
    if changes_language or now - viewer.last_seen_at >= SEEN_EVERY:
        chosen = as_locale(asked) if changes_language else None
        await _write_down(site, viewer, chosen, now=now)
        return replace(viewer, locale=chosen) if chosen else viewer
    return viewer


async def _write_down(site: Site, viewer: AnyViewer, locale: Locale | None, *, now: datetime) -> None:
    """Once an hour at most, or when a language is chosen; a page is shown even where this cannot be written now."""

    def work(session: Session) -> None:
        note_visit(session, viewer.visit_id, now=now, days=site.session_days)
        if locale is not None:
            remember_locale(session, viewer, locale)

    with contextlib.suppress(Unavailable):
        await site.database.write(work)


MaybeViewer = Annotated[AnyViewer | None, Depends(maybe_viewer)]


async def signed_in(request: Request, viewer: MaybeViewer) -> AnyViewer:
    """Whoever is signed in; nobody is led to the sign-in page and back."""
    if viewer is None:
        query = f"?{request.url.query}" if request.url.query else ""
        raise SignInNeeded(f"{request.url.path}{query}" if request.method in SAFE_METHODS else "/")
    return viewer


SignedIn = Annotated[AnyViewer, Depends(signed_in)]


async def signed_in_member(viewer: SignedIn) -> MemberViewer:
    """A member; for staff there is nothing here."""
    if not isinstance(viewer, MemberViewer):
        raise NotFound
    return viewer


SignedInMember = Annotated[MemberViewer, Depends(signed_in_member)]


async def signed_in_admin(viewer: SignedInMember) -> MemberViewer:
    """A member who is an admin of their customer; for others there is nothing here."""
    if not viewer.is_admin:
        raise NotFound
    return viewer


SignedInAdmin = Annotated[MemberViewer, Depends(signed_in_admin)]


async def signed_in_staff(request: Request, viewer: SignedIn) -> StaffViewer:
    """A person of the vendor; for members there is nothing here, and staff who look as one are told how to return."""
    if isinstance(viewer, MemberViewer) and viewer.looking is not None:
        said = Message("You are looking at the portal as %(name)s. End the viewing to work here.", name=viewer.name)
        raise OnlyLooking(viewer, said)
    if not isinstance(viewer, StaffViewer):
        raise NotFound
    request.state.staff = viewer
    return viewer


SignedInStaff = Annotated[StaffViewer, Depends(signed_in_staff)]


def upload_door(right: Right) -> Callable[..., AsyncIterator[None]]:
    """Before a byte of an upload is read: nobody may send one but staff with `right`. What was read is let go of in the
    end. The `door` of a router whose routes take files."""

    async def only_with_right(request: Request, viewer: MaybeViewer) -> AsyncIterator[None]:
        if request.method not in SAFE_METHODS:
            if not isinstance(viewer, StaffViewer):
                raise NotFound
            needs(viewer, right)
        try:
            yield
        finally:
            await request.close()

    return only_with_right


def needs(viewer: StaffViewer, right: Right) -> None:
    """`Forbidden` for staff whose role does not reach."""
    if not viewer.may(right):
        raise Forbidden(Message("Your role does not open this. An administrator can change your role."))


def _with_right(right: Right) -> Callable[..., Awaitable[StaffViewer]]:
    async def staff_with_right(
        request: Request, site: SiteDep, viewer: SignedInStaff, later: BackgroundTasks
    ) -> StaffViewer:
        needs(viewer, right)
        if request.method == "GET":
            later.add_task(seen, request, site, viewer)
        return viewer

    return staff_with_right


SeesCustomers = Annotated[StaffViewer, Depends(_with_right("see_customers"))]
ActsForCustomers = Annotated[StaffViewer, Depends(_with_right("act_for_customers"))]
WritesContent = Annotated[StaffViewer, Depends(_with_right("write_content"))]
ConnectsSystems = Annotated[StaffViewer, Depends(_with_right("connect_systems"))]
ManagesStaff = Annotated[StaffViewer, Depends(_with_right("manage_staff"))]
