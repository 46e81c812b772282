"""Words replaced throughout the library: what is looked for is in the address, what is done is ticked text by text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import Form as Field
from fastapi import Query, Request, Response
from sqlmodel import Session

from portal.accounts.visits import WritesContent
from portal.kit.errors import BansoError, Invalid, by_field
from portal.kit.i18n import LOCALES, Locale, Message
from portal.kit.web import Site, SiteDep, flash, locale_of, page_router, redirect, render
from portal.studio import going_out, replacing, taking_back
from portal.studio.listing import facets
from portal.studio.manuscripts import Key
from portal.studio.models import Replacement
from portal.studio.replacing import Looked, Wanted
from portal.studio.rules import Person
from portal.studio.shown import KINDS, LANGUAGES, STATES, person_of

HERE = "/staff/content/replace"
router = page_router(prefix=HERE)
Asked = Annotated[str, Query(max_length=1_000)]
Said = Annotated[str, Field(max_length=1_000)]
NAMED = 5


@dataclass(frozen=True)
class ReplacePage:
    """For `studio/replace.html`. `looked` is None before anything was asked; `errors` by field."""

    wanted: Wanted
    looked: Looked | None
    collections: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, Message]]
    errors: Mapping[str, Sequence[Message]]
    latest: Sequence[Replacement]
    may_publish: bool
    states: Mapping[str, tuple[Message, str, str]]
    languages: Mapping[Locale, str]


@dataclass(frozen=True)
class ReplacedPage:
    """For `studio/replaced.html`. `texts`: title, where, language of each that was changed."""

    record: Replacement
    texts: Sequence[tuple[str, str, Locale]]
    languages: Mapping[Locale, str]


@router.get("")
async def look(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    words: Asked = "",
    becomes: Asked = "",
    loose: Asked = "",
    kind: Asked = "",
    collection: Asked = "",
    locale: Asked = "",
) -> Response:
    """Where the words stand, and what would stand there."""
    wanted = Wanted(
        words=words,
        becomes=becomes,
        is_loose=bool(loose),
        kind=kind if kind in KINDS else "",
        collection=collection,
        locale=locale if locale in LOCALES else "",
    )
    errors: Mapping[str, Sequence[Message]] = {}
    if "words" in request.query_params:
        try:
            replacing.check(wanted)
        except Invalid as wrong:
            errors = by_field(wrong.problems)
    asked = "words" in request.query_params and not errors
    mine = locale_of(request, viewer)

    def work(session: Session) -> ReplacePage:
        return ReplacePage(
            wanted=wanted,
            looked=replacing.look(session, wanted) if asked else None,
            collections=[(key, title.get(mine) or next(iter(title.values()), key)) for key, title in facets(session)],
            kinds=list(KINDS.items()),
            errors=errors,
            latest=taking_back.latest(session),
            may_publish=person_of(viewer).role == "owner",
            states=STATES,
            languages=LANGUAGES,
        )

    page = await site.database.report(work)
    return render(request, "studio/replace.html", page, viewer=viewer, nav="content", status=422 if errors else 200)


@router.post("")
async def replace(
    request: Request,
    site: SiteDep,
    viewer: WritesContent,
    words: Said = "",
    becomes: Said = "",
    loose: Said = "",
    then: Said = "",
    pick: Annotated[list[str], Field()] = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Replace in what is ticked, and nowhere else."""
    person, now = person_of(viewer), site.clock()
    wanted = Wanted(words=words, becomes=becomes, is_loose=bool(loose))
    picked = [found for one in pick[: replacing.MOST_TEXTS] if (found := _picked(one)) is not None]

    def work(session: Session) -> replacing.Done:
        done = replacing.replace_words(session, wanted, picked, person=person, now=now)
        if then == "review":
            replacing.hand_in(session, done.changed, person=person, now=now)
        return done

    try:
        done = await site.database.write(work)
    except Invalid as wrong:
        answer = redirect(HERE)
        flash(request, answer, wrong.problems[0].message if wrong.problems else wrong.message, kind="bad")
        return answer
    answer = redirect(f"{HERE}/{done.id}" if done.changed else HERE)
    wish = done.to_publish if then == "publish" and person.role == "owner" else ()
    unpublished = await _publish(site, wish, person)
    _tell(request, answer, Message("Replaced in %(count)s texts.", count=len(done.changed)), done, unpublished)
    return answer


@router.get("/{record}")
async def replaced(request: Request, site: SiteDep, viewer: WritesContent, record: int) -> Response:
    """What was done once, to be looked at and taken back."""

    def work(session: Session) -> ReplacedPage:
        found = taking_back.record_of(session, record)
        return ReplacedPage(found, taking_back.texts_of(session, found), LANGUAGES)

    page = await site.database.read(work)
    return render(request, "studio/replaced.html", page, viewer=viewer, nav="content")


@router.post("/{record}/undo")
async def undo(request: Request, site: SiteDep, viewer: WritesContent, record: int) -> Response:
    """The texts as they were before."""
    person, now = person_of(viewer), site.clock()
    answer = redirect(f"{HERE}/{record}")
    try:
        done = await site.database.write(partial(taking_back.take_back, record_id=record, person=person, now=now))
        unpublished = await _publish(site, done.to_publish, person)
        await site.database.write(partial(taking_back.give_back_files, record_id=record, person=person, now=now))
    except BansoError as wrong:
        if wrong.status in (403, 404):
            raise
        flash(request, answer, wrong.message, kind="bad")
        return answer
    _tell(request, answer, Message("Taken back in %(count)s texts.", count=len(done.changed)), done, unpublished)
    return answer


async def _publish(site: Site, keys: Sequence[Key], person: Person) -> Message | None:
    """Publish these together; why not, where that fails: then they wait as they were saved."""
    if not keys:
        return None
    try:
        await going_out.publish(site.database, keys, person=person, now=site.clock())
    except BansoError as wrong:
        return wrong.message
    return None


def _tell(request: Request, answer: Response, said: Message, done: replacing.Done, unpublished: Message | None) -> None:
    if unpublished is not None:
        not_out = Message("Not published: %(why)s", why=unpublished)
        said = Message("%(done)s %(left)s", done=said, left=not_out)
    if done.left:
        names = "、".join(done.left[:NAMED]) + (" …" if len(done.left) > NAMED else "")
        left = Message(
            "Left alone, since somebody changed them meanwhile or they cannot be saved so: %(titles)s", titles=names
        )
        said = Message("%(done)s %(left)s", done=said, left=left)
    flash(request, answer, said, kind="good" if done.changed and not (done.left or unpublished) else "warn")


def _picked(said: str) -> tuple[str, Locale, int] | None:
    """What a tick says: document, language, number of the text."""
    key, _, rest = said.partition("/")
    language, _, number = rest.partition("/")
    locale = next((one for one in LOCALES if one == language), None)
    return (key, locale, int(number)) if locale and number.isdecimal() and len(number) < 18 else None
