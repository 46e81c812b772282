"""What a search found, as its page shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from markupsafe import Markup
from sqlmodel import Session

from portal.content.article import title_of
from portal.finding.marked import marked
from portal.finding.popular import Offer, popular
from portal.finding.service import DEEPEST, Answers, Piece, find
from portal.finding.sight import TUTORIAL, Sight
from portal.kit.i18n import Locale, Message
from portal.tutorials import indexing as tutorials

PER_PAGE = 10
LAST_PAGE = DEEPEST // PER_PAGE
KIND_WORDS: Mapping[str, Message] = {
    "manual": Message("Manual"),
    "faq": Message("Question and answer"),
    "case_study": Message("Case study"),
    "release_note": Message("What is new"),
    TUTORIAL: Message("Tutorial"),
}


@dataclass(frozen=True)
class Asked:
    """What an address asks for: a question, narrowed to a kind and a collection where these are not empty."""

    q: str
    kind: str
    collection: str
    page: int

    @property
    def is_first(self) -> bool:
        """Whether this is how a search begins: not its next page, and not narrowed."""
        return self.page == 1 and not self.is_filtered

    @property
    def is_filtered(self) -> bool:
        """Whether it is narrowed."""
        return bool(self.kind or self.collection)

    def address(self, **changed: object) -> str:
        """The same with something changed, from its first page on."""
        now = {"q": self.q, "kind": self.kind, "collection": self.collection, **changed}
        query = {name: str(value) for name, value in now.items() if value}
        return f"/search?{urlencode(query)}" if query else "/search"


@dataclass(frozen=True)
class Found:
    """What one reader gets. Without `answers` nothing was asked; `liked` is what to read where there are no results.

    `shelves` are the titles of collections by key, `has_any` is whether there is anything at all the reader may see.
    """

    answers: Answers | None
    liked: Offer
    shelves: Mapping[str, str]
    has_any: bool


@dataclass(frozen=True)
class ResultLine:
    """A result. `lang` where it is not in the reader's language; `name` and `place` are what opening it notes down."""

    title: Markup
    excerpt: Markup
    href: str
    kind: Message
    collection: str
    lang: Locale | None
    name: str
    place: int


@dataclass(frozen=True)
class FilterChip:
    """One way to narrow the results, or with `current` the one they are narrowed by. `href` sets it or takes it off."""

    word: Message | str
    href: str
    count: int
    current: bool


@dataclass(frozen=True)
class ResultsPart:
    """For `finding/_results.html`. `q` is empty where nothing was asked yet.

    `meant` is what the question was corrected to, `in_pieces` whether nothing has as much as half of it; `token` names
    this search for noting what is opened, and is empty where that is not counted. `instead` has what to read where
    there are no results.
    """

    q: str
    meant: str
    in_pieces: bool
    meant_href: str
    total: int
    first: int
    last: int
    results: Sequence[ResultLine]
    kinds: Sequence[FilterChip]
    collections: Sequence[FilterChip]
    previous_href: str
    next_href: str
    token: str
    instead: Offer
    is_filtered: bool
    everything_href: str
    locale: Locale


@dataclass(frozen=True)
class SearchPage:
    """For `finding/search.html`: the question, what it found, and whether there is something whose opening counts."""

    q: str
    results: Markup
    token: str


def look(session: Session, sight: Sight, asked: Asked, *, locale: Locale, now: datetime) -> Found:
    """Find what is asked for."""
    answers = None
    if asked.q:
        here = Piece(asked.kind, asked.collection, limit=PER_PAGE, offset=(asked.page - 1) * PER_PAGE)
        answers = find(session, sight, asked=asked.q, locale=locale, part=here)
    liked = Offer() if answers and answers.results else popular(session, sight, locale=locale, now=now)
    shelves = {shelf.key: title_of(shelf.title, shelf.key, locale) for shelf in sight.library.shelves}
    return Found(answers, liked, shelves, bool(sight.visible.any()))


def results_part(asked: Asked, found: Found, *, locale: Locale, token: str) -> ResultsPart:
    """The lines, filters and ways on of a page."""
    answers, page = found.answers, asked.page
    total = answers.total if answers else 0
    results = answers.results if answers else ()
    first = (page - 1) * PER_PAGE + 1
    return ResultsPart(
        q=asked.q,
        meant=answers.meant if answers else "",
        in_pieces=bool(answers and answers.in_pieces),
        meant_href=asked.address(q=answers.meant, kind="", collection="") if answers and answers.meant else "",
        total=total,
        first=first,
        last=first + len(results) - 1,
        results=[
            ResultLine(
                title=marked(one.title),
                excerpt=marked(one.excerpt),
                href=one.path,
                kind=KIND_WORDS[one.kind],
                collection=found.shelves.get(one.collection, ""),
                lang=None if one.locale == locale else one.locale,
                name=f"{tutorials.SHELF if one.kind == TUTORIAL else 'document'}/{one.key}",
                place=one.place,
            )
            for one in results
        ],
        kinds=_kinds(asked, answers.kinds if answers else {}),
        collections=_collections(asked, answers.collections if answers else {}, found.shelves),
        previous_href=asked.address(page=page - 1 if page > 2 else "") if page > 1 else "",
        next_href=asked.address(page=page + 1) if page * PER_PAGE < min(total, DEEPEST) else "",
        token=token,
        instead=found.liked,
        is_filtered=asked.is_filtered,
        everything_href=asked.address(kind="", collection=""),
        locale=locale,
    )


def _kinds(asked: Asked, counts: Mapping[str, int]) -> list[FilterChip]:
    return [
        FilterChip(
            word,
            asked.address(kind="" if name == asked.kind else name),
            counts.get(name, 0),
            name == asked.kind,
        )
        for name, word in KIND_WORDS.items()
        if name == asked.kind or (name in counts and len(counts) > 1)
    ]


def _collections(asked: Asked, counts: Mapping[str, int], shelves: Mapping[str, str]) -> list[FilterChip]:
    return [
        FilterChip(
            title,
            asked.address(collection="" if key == asked.collection else key),
            counts.get(key, 0),
            key == asked.collection,
        )
        for key, title in shelves.items()
        if key == asked.collection or (key in counts and len(counts) > 1)
    ]
