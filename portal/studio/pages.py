"""The pages of the studio: the list, a new document, taking over and giving back, and what can be linked to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Form as Field
from fastapi import Query, Request, Response
from fastapi.responses import JSONResponse
from sqlmodel import Session

from portal.accounts.viewers import StaffViewer
from portal.accounts.visits import SignedInStaff
from portal.kit.errors import BansoError, Forbidden, Invalid, by_field
from portal.kit.i18n import LOCALES, Locale, Message, as_locale
from portal.kit.web import SiteDep, flash, locale_of, page_router, redirect, render
from portal.studio import (
    care_pages,
    collection_pages,
    edit_pages,
    forking,
    history_pages,
    moving_pages,
    release_pages,
    replace_pages,
    sight_pages,
    translation_pages,
)
from portal.studio.front import Form
from portal.studio.going_out import linkable
from portal.studio.listing import SORTS, Filters, Found, Sort, facets, list_documents
from portal.studio.manuscripts import FOLDERS
from portal.studio.rules import STATES as STATE_KEYS
from portal.studio.rules import Person
from portal.studio.shown import KINDS, LANGUAGES, STATES, person_of
from portal.studio.writing import begin

router = page_router()
Text = Annotated[str, Query(max_length=200)]
Said = Annotated[str, Field(max_length=500)]
HERE = "/staff/content"


@dataclass(frozen=True)
class ContentPage:
    """For `studio/list.html`."""

    found: Found
    filters: Filters
    sort: str
    descending: bool
    selects: Sequence[tuple[str, Message, Sequence[tuple[str, Message | str]], str]]
    chips: Sequence[tuple[Message | str, str]]
    sort_links: Mapping[str, str]
    titles: Mapping[str, str]
    previous_href: str
    next_href: str
    first: int
    last: int
    locale: Locale
    may_write: bool
    words: Mapping[str, tuple[Message, str, str]]
    kinds: Mapping[str, Message]
    languages: Mapping[Locale, str]


@dataclass(frozen=True)
class NewPage:
    """For `studio/new.html`. `errors` by field."""

    form: Form
    key: str
    locale: Locale
    collections: Sequence[tuple[str, str]]
    kinds: Sequence[tuple[str, Message]]
    errors: Mapping[str, Sequence[Message]]


@router.get(HERE)
async def content(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    q: Text = "",
    kind: Text = "",
    collection: Text = "",
    state: Text = "",
    locale: Text = "",
    origin: Text = "",
    sort: Text = "changed",
    order: Text = "desc",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """Every document there is, as filtered and sorted by the address."""
    mine, now = locale_of(request, viewer), site.clock()
    by: Sort = next((one for one in SORTS if one == sort), "changed")
    filters = Filters(
        q=q,
        kind=kind if kind in KINDS else "",
        collection=collection,
        state=state if state in STATE_KEYS else "",
        locale=locale if locale in LOCALES else "",
        origin=origin if origin in ("file", "studio") else "",
    )

    def work(session: Session) -> ContentPage:
        found = list_documents(
            session, filters=filters, locale=mine, now=now, sort=by, descending=order == "desc", page=page
        )
        known = {key: title.get(mine) or next(iter(title.values()), key) for key, title in facets(session)}
        may_write = person_of(viewer).may_write
        return _content_page(found, filters, by, order == "desc", known, mine, may_write=may_write)

    shown = await site.database.report(work)
    return render(request, "studio/list.html", shown, viewer=viewer, nav="content")


@router.get(f"{HERE}/new")
async def new(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    collection: Text = "",
    title: Text = "",
    language: Text = "",
) -> Response:
    """The few words a document begins with; those that the address says are filled in."""
    locale = locale_of(request, viewer)
    form = Form(collection=collection, title=title)
    begins = as_locale(language, site.locale)
    page = await site.database.read(lambda session: _new_page(session, form, "", begins, locale, {}))
    return render(request, "studio/new.html", page, viewer=viewer, nav="content")


@router.post(f"{HERE}/new")
async def create(
    request: Request,
    site: SiteDep,
    viewer: SignedInStaff,
    title: Said = "",
    key: Said = "",
    kind: Said = "manual",
    collection: Said = "",
    new_collection: Said = "",
    language: Said = "ja",
) -> Response:
    """Begin a document, and go on to write it."""
    person, locale = _writer(viewer), as_locale(language)
    shelf = new_collection.strip() or collection
    form = Form(title=title, slug="", kind=kind if kind in KINDS else "manual", collection=shelf)
    try:
        made = await site.database.write(
            lambda session: begin(session, form=form, key=key, locale=locale, person=person, now=site.clock())
        )
    except Invalid as wrong:
        errors = by_field(wrong.problems)
        mine = locale_of(request, viewer)
        page = await site.database.read(lambda session: _new_page(session, form, key, locale, mine, errors))
        return render(request, "studio/new.html", page, viewer=viewer, nav="content", status=422)
    return redirect(f"{HERE}/{made}/{locale}")


@router.get(f"{HERE}/find")
async def find(request: Request, site: SiteDep, viewer: SignedInStaff, q: Text = "") -> JSONResponse:
    """What a text can link to, by its words: for the editor."""
    locale, now = locale_of(request, viewer), site.clock()

    def work(session: Session) -> list[dict[str, str]]:
        found = list_documents(session, filters=Filters(q=q), locale=locale, now=now, limit=20)
        documents = [
            {
                "target": f"{FOLDERS[one.kind]}/{one.id}",
                "title": one.title(locale),
                "kind": KINDS[one.kind].into(locale),
            }
            for one in found.documents
        ]
        words = q.lower().split()
        rest = [target for target in sorted(linkable(session)) if words and all(word in target for word in words)]
        return [*documents, *({"target": target, "title": target, "kind": ""} for target in rest[:10])]

    return JSONResponse(await site.database.report(work), headers={"Cache-Control": "private, no-store"})


@router.post(f"{HERE}/{{key}}/fork")
async def take_over(
    request: Request, site: SiteDep, viewer: SignedInStaff, key: str, language: Said = "ja"
) -> Response:
    """From now on it is written here."""
    person = _writer(viewer)
    await site.database.write(lambda session: forking.fork(session, key=key, person=person, now=site.clock()))
    answer = redirect(f"{HERE}/{key}/{as_locale(language)}")
    said = Message("Taken over: you can write it here now. Its file is left aside when files are published.")
    flash(request, answer, said)
    return answer


@router.post(f"{HERE}/{{key}}/unfork")
async def give_back(request: Request, site: SiteDep, viewer: SignedInStaff, key: str) -> Response:
    """From now on it is its file's again."""
    person = _writer(viewer)
    answer = redirect(f"{HERE}?{urlencode({'q': key})}")
    try:
        await site.database.write(lambda session: forking.unfork(session, key=key, person=person, now=site.clock()))
    except BansoError as wrong:
        flash(request, answer, wrong.message, kind="bad")
    else:
        flash(request, answer, Message("Given back: with the next banso publish it is what its file says."))
    return answer


router.include_router(translation_pages.router)
router.include_router(care_pages.router)
router.include_router(replace_pages.router)
router.include_router(moving_pages.router)
router.include_router(edit_pages.router)
router.include_router(history_pages.router)
router.include_router(sight_pages.router)
router.include_router(release_pages.router)
router.include_router(collection_pages.router)


def _writer(viewer: StaffViewer) -> Person:
    person = person_of(viewer)
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
    return person


def _content_page(
    found: Found,
    filters: Filters,
    sort: str,
    descending: bool,
    titles: Mapping[str, str],
    locale: Locale,
    *,
    may_write: bool,
) -> ContentPage:
    asked = {
        **{name: getattr(filters, name) for name in ("q", "kind", "collection", "state", "locale", "origin")},
        "sort": sort if sort != "changed" else "",
        "order": "" if descending else "asc",
    }

    def address(**changed: object) -> str:
        query = {name: str(value) for name, value in {**asked, **changed}.items() if value}
        return f"{HERE}?{urlencode(query)}" if query else HERE

    selects = _selects(filters, titles)
    chips: list[tuple[Message | str, str]] = [(filters.q, address(q=""))] if filters.q else []
    for name, _, options, current in selects:
        if current:
            word = next((text for value, text in options if value == current), current)
            chips.append((word, address(**{name: ""})))
    first = found.skip + 1
    turned = "asc" if descending else ""
    return ContentPage(
        found=found,
        filters=filters,
        sort=sort,
        descending=descending,
        selects=selects,
        chips=chips,
        sort_links={
            one: address(
                sort=one if one != "changed" else "",
                order=turned if one == sort else ("" if one == "changed" else "asc"),
            )
            for one in SORTS
        },
        titles=titles,
        previous_href=address(page=found.page - 1) if found.page > 1 else "",
        next_href=address(page=found.page + 1) if found.page < found.pages else "",
        first=min(first, found.total),
        last=min(first + len(found.documents) - 1, found.total),
        locale=locale,
        may_write=may_write,
        words=STATES,
        kinds=KINDS,
        languages=LANGUAGES,
    )


def _selects(
    filters: Filters, titles: Mapping[str, str]
) -> list[tuple[str, Message, Sequence[tuple[str, Message | str]], str]]:
    return [
        ("kind", Message("Kind"), list(KINDS.items()), filters.kind),
        ("collection", Message("Collection"), list(titles.items()), filters.collection),
        ("state", Message("State"), [(key, word) for key, (word, _, _) in STATES.items()], filters.state),
        ("locale", Message("Language"), list(LANGUAGES.items()), filters.locale),
        (
            "origin",
            Message("Comes from"),
            [("file", Message("a file")), ("studio", Message("the studio"))],
            filters.origin,
        ),
    ]


def _new_page(
    session: Session,
    form: Form,
    key: str,
    locale: Locale,
    mine: Locale,
    errors: Mapping[str, Sequence[Message]],
) -> NewPage:
    shelves = [(one, title.get(mine) or next(iter(title.values()), one)) for one, title in facets(session)]
    return NewPage(form, key, locale, shelves, list(KINDS.items()), errors)
