"""The care queue as one list: each line says why it is there and has beside it what settles it.

It stands in the studio and not with finding: the searches are read from the log of `search`, a floor below, and adding
a synonym is only a link from here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated, Final
from urllib.parse import urlencode

from fastapi import Form as Field
from fastapi import Query, Request, Response
from sqlmodel import Session

from portal.accounts.visits import SignedInStaff, WritesContent
from portal.content.feedback import REASONS
from portal.kit.clock import local_day
from portal.kit.errors import BansoError
from portal.kit.i18n import Locale, Message
from portal.kit.paging import page_at
from portal.kit.web import SiteDep, flash, page_router, redirect, render
from portal.studio.care import KINDS, Matter, Reviewed, mark_reviewed, matters, reviewed_lately, take_back_review
from portal.studio.shown import LANGUAGES, person_of

router = page_router(prefix="/staff/content")
HERE = "/staff/content/care"
PER_PAGE = 50
AGAIN = timedelta(days=182)
WORDS: Final[Mapping[str, tuple[Message, str, str]]] = {
    "review": (Message("Review due"), "warn", "calendar"),
    "links": (Message("Broken link"), "bad", "link"),
    "feedback": (Message("Does not help"), "bad", "pen"),
    "translation": (Message("Behind the original"), "warn", "clock"),
    "search": (Message("Not found"), "accent", "search"),
}


@dataclass(frozen=True)
class Line:
    """One matter with the addresses of its acts."""

    matter: Matter
    edit_href: str
    synonym_href: str
    draft_href: str
    feedback_href: str


@dataclass(frozen=True)
class CarePage:
    """For `studio/care.html`. `again` is the day that is proposed for the next look, `earliest` the first possible."""

    lines: Sequence[Line]
    chips: Sequence[tuple[Message, str, bool, int]]
    words: Mapping[str, tuple[Message, str, str]]
    reasons: Mapping[str, Message]
    languages: Mapping[Locale, str]
    total: int
    kind: str
    may_write: bool
    again: date
    earliest: date
    reviewed: Sequence[Reviewed]
    previous_href: str
    next_href: str
    first: int
    last: int


@router.get("/care")
async def care(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    kind: Annotated[str, Query(max_length=20)] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """What asks for care, all of it or of one kind."""
    now = site.clock()
    today = local_day(now, site.zone)
    kind = kind if kind in KINDS else ""

    def address(of: str, number: int = 1) -> str:
        query = {
            name: str(value) for name, value in {"kind": of, "page": number if number > 1 else ""}.items() if value
        }
        return f"{HERE}?{urlencode(query)}" if query else HERE

    def work(session: Session) -> CarePage:
        every = matters(session, house=site.locale, today=today, now=now)
        fitting = [one for one in every if kind in ("", one.kind)]
        place = page_at(page, total=len(fitting), limit=PER_PAGE)
        shown = fitting[place.skip : place.skip + PER_PAGE]
        return CarePage(
            lines=[_line(one) for one in shown],
            chips=[
                (Message("All"), address(""), not kind, len(every)),
                *(
                    (WORDS[one][0], address(one), kind == one, sum(matter.kind == one for matter in every))
                    for one in KINDS
                ),
            ],
            words=WORDS,
            reasons=REASONS,
            languages=LANGUAGES,
            total=place.total,
            kind=kind,
            may_write=person_of(viewer).may_write,
            again=today + AGAIN,
            earliest=today + timedelta(days=1),
            reviewed=reviewed_lately(session, now=now) if kind in ("", "review") else (),
            previous_href=address(kind, place.page - 1) if place.page > 1 else "",
            next_href=address(kind, place.page + 1) if place.page < place.pages else "",
            first=place.skip + 1,
            last=place.skip + len(shown),
        )

    shown = await site.database.report(work)
    return render(request, "studio/care.html", shown, viewer=viewer, nav="content")


@router.post("/{key}/{locale}/review")
async def reviewed(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    key: str,
    locale: Locale,
    named: Annotated[date, Field()],
    until: Annotated[date, Field()],
) -> Response:
    """Somebody has looked at it, and it is to be looked at again by another day."""
    person, now = person_of(viewer), site.clock()
    today = local_day(now, site.zone)

    def work(session: Session) -> None:
        mark_reviewed(session, key=key, locale=locale, named=named, until=until, person=person, today=today, now=now)

    answer = redirect(HERE)
    try:
        await site.database.write(work)
    except BansoError as wrong:
        if wrong.status == 404:
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("Noted: it stands here again when its new day has passed."))
    return answer


@router.post("/{key}/{locale}/review/{mark}/undo")
async def not_reviewed(
    request: Request, site: SiteDep, viewer: WritesContent, key: str, locale: Locale, mark: int
) -> Response:
    """It was not looked at after all."""
    answer = redirect(HERE)
    try:
        await site.database.write(lambda session: take_back_review(session, key=key, locale=locale, mark_id=mark))
    except BansoError as wrong:
        if wrong.status == 404:
            raise
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("Taken back: the review day that has passed stands here again."))
    return answer


def _line(matter: Matter) -> Line:
    asked = {"title": matter.title, "language": matter.locale}
    return Line(
        matter=matter,
        edit_href=f"/staff/content/{matter.key}/{matter.locale}",
        synonym_href=f"/staff/search/synonyms?{urlencode({'words': matter.title})}",
        draft_href=f"/staff/content/new?{urlencode(asked)}",
        feedback_href=f"/staff/content/feedback?{urlencode({'document': matter.key})}",
    )
