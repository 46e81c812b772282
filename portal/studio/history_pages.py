"""The history of a text: who saved what and when, what differs between any two, and bringing one back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import Query, Request, Response
from sqlmodel import Session

from portal.accounts.visits import SignedInStaff
from portal.content.models import Revision
from portal.kit.errors import BansoError, Forbidden, NotFound
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.studio.differences import Difference, compare
from portal.studio.history import AT_ONCE, live_number, restore, revision_of, revisions
from portal.studio.manuscripts import document_of, writing
from portal.studio.shown import HOW, LANGUAGES, person_of

router = page_router(prefix="/staff/content/{key}/{locale}/history")
Number = Annotated[int, Query(ge=0, le=1_000_000_000)]


@dataclass(frozen=True)
class HistoryPage:
    """For `studio/history.html`. `languages`: those it is written in, as word, where, whether it is this one."""

    key: str
    locale: Locale
    title: str
    revisions: Sequence[Revision]
    live: int | None
    how: Mapping[str, Message]
    languages: Sequence[tuple[str, str, bool]]
    older_href: str


@dataclass(frozen=True)
class DifferencePage:
    """For `studio/difference.html`. `before` is None for the first text of all."""

    key: str
    locale: Locale
    title: str
    before: Revision | None
    after: Revision
    difference: Difference
    view: str
    newest: int
    live: int | None
    may_restore: bool
    base: str


@router.get("")
async def history(
    request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale, before: Number = 0
) -> Response:
    """Every text there was, newest first."""

    def work(session: Session) -> HistoryPage:
        document_of(session, key)
        found = revisions(session, key, locale, before=before)
        if not found:
            raise NotFound
        more = len(found) == AT_ONCE
        here = f"/staff/content/{key}"
        written = [one for one in LOCALES if one == locale or revisions(session, key, one)]
        return HistoryPage(
            key=key,
            locale=locale,
            title=found[0].title,
            revisions=found,
            live=live_number(session, key, locale),
            how=HOW,
            languages=[(LANGUAGES[one], f"{here}/{one}/history", one == locale) for one in written],
            older_href=f"{here}/{locale}/history?before={found[-1].number}" if more else "",
        )

    page = await site.database.read(work)
    return render(request, "studio/history.html", page, viewer=viewer, nav="content")


@router.get("/{number}")
async def difference(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    key: str,
    locale: Locale,
    number: int,
    since: Number = 0,
    view: Annotated[str, Query(max_length=10)] = "split",
) -> Response:
    """What one text changed, against the one before it or any other."""

    def work(session: Session) -> DifferencePage:
        after = revision_of(session, key, locale, number)
        other = since or number - 1
        before = revision_of(session, key, locale, other) if other > 0 else None
        found = writing(session, key, locale)
        return DifferencePage(
            key=key,
            locale=locale,
            title=after.title,
            before=before,
            after=after,
            difference=compare(before.text if before else "", after.text),
            view=view if view in ("split", "inline") else "split",
            newest=found.revision.number if found else 0,
            live=live_number(session, key, locale),
            may_restore=found is not None and found.revision.number != number and person_of(viewer).may_write,
            base=f"/staff/content/{key}/{locale}/history/{number}" + (f"?since={since}" if since else "?since="),
        )

    page = await site.database.report(work)
    return render(request, "studio/difference.html", page, viewer=viewer, nav="content")


@router.post("/{number}/restoration")
async def bring_back(
    request: Request, site: SiteDep, viewer: SignedInStaff, key: str, locale: Locale, number: int
) -> Response:
    """This text is the newest one again, as a new revision."""
    person = person_of(viewer)
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
    answer = redirect(f"/staff/content/{key}/{locale}")
    try:
        await site.database.write(
            lambda session: restore(session, key=key, locale=locale, number=number, person=person, now=site.clock())
        )
    except BansoError as wrong:
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("The text of number %(number)s is the newest one again.", number=number))
    return answer
