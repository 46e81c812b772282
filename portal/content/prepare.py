"""The long half of publishing: render what differs from the library, touching no database.

What is already as the files say is not rendered again. A text is also rendered again when one of its links leads
elsewhere than it did, or nowhere (so that its author is told each time), or when the renderer itself has changed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session

from portal.content.files import CollectionFile, DocumentFile
from portal.content.indexing import SHELF, analysed, digest_of
from portal.content.library import DOCUMENT, VARIANT
from portal.content.places import DOCUMENT_FOLDERS, Places
from portal.kit.files import Problem
from portal.kit.i18n import Locale, Message
from portal.kit.markdown import Rendered, render
from portal.kit.markdown.media import FindMedia, Media
from portal.media.shelf import Shelf
from portal.search.analysis import Analysed
from portal.search.index import indexed

RENDERING = 2
"""Goes up when the renderer makes something else of the same text: the next publish then renders everything anew."""

VariantKey = tuple[str, Locale]
Progress = Callable[[int, int], None]
Resolve = Callable[[str], str | None]
Links = Mapping[str, str | None]


@dataclass(frozen=True)
class Known:
    """What the library holds of one variant, as far as it decides whether to render."""

    digest: str
    rendering: int
    links: Links


@dataclass(frozen=True)
class Standing:
    """A document as the library has it now, for `Places`. One from the studio stands whatever the files say."""

    id: str
    slug: str
    aliases: tuple[str, ...]
    folder: str
    from_studio: bool


@dataclass(frozen=True)
class State:
    """The library before publishing. `standing` is every document in it, for links from files that are not of it."""

    variants: Mapping[VariantKey, Known]
    standing: tuple[Standing, ...] = ()


@dataclass(frozen=True)
class Text:
    """One text, ready to be written down. `rendered` is None where the library has it already."""

    digest: str
    links: Links
    rendered: Rendered | None

    def warnings(self, file: str, first_line: int) -> list[Problem]:
        """What its author should look at; `first_line` is where the text begins in `file`."""
        found = self.rendered.warnings if self.rendered else ()
        return [Problem(file, first_line + line - 1, message) for line, message in found]


@dataclass(frozen=True)
class PreparedVariant:
    """One file with its text, and the words of it for the index where it was rendered."""

    file: DocumentFile
    text: Text
    words: Analysed | None = None

    @property
    def key(self) -> VariantKey:
        """Which variant it is."""
        return self.file.id, self.file.locale


@dataclass(frozen=True)
class Prepared:
    """Everything there is to write down, and what the authors should look at."""

    variants: tuple[PreparedVariant, ...]
    collections: tuple[CollectionFile, ...]
    warnings: tuple[Problem, ...]


def state(session: Session) -> State:
    """The library as it is now. What the index lacks counts as never rendered, so that preparing makes its words."""
    in_index = indexed(session, SHELF)
    folders = {kind: folder for folder, kind in DOCUMENT_FOLDERS.items()}
    columns = VARIANT.c["document_id", "locale", "slug", "aliases", "digest", "rendering", "links", "archived_at"]
    rows = session.execute(
        select(*columns, *DOCUMENT.c["kind", "origin"])
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .order_by(VARIANT.c.document_id, VARIANT.c.locale)
    ).all()
    return State(
        variants={
            (row.document_id, row.locale): Known(row.digest, row.rendering if is_indexed else 0, row.links)
            for row in rows
            for is_indexed in [in_index.get((row.document_id, row.locale)) == digest_of(row.digest, row.rendering)]
        },
        standing=tuple(
            Standing(row.document_id, row.slug, tuple(row.aliases), folders[row.kind], row.origin == "studio")
            for row in rows
            if row.archived_at is None
        ),
    )


def prepare(
    files: Sequence[DocumentFile],
    collections: Sequence[CollectionFile],
    *,
    state: State,
    others: Collection[str] = (),
    media: Shelf | None = None,
    progress: Progress | None = None,
) -> Prepared:
    """Render what differs from `state`. `others` names what else can be linked to (`tutorials/<key>`, …), `media` what
    can be shown.

    `progress(done, total)` is told after each file.
    """
    places = Places([*(one for one in state.standing if one.from_studio), *files], others)
    variants: list[PreparedVariant] = []
    warnings: list[Problem] = []
    for number, file in enumerate(files, start=1):
        known = state.variants.get((file.id, file.locale))
        find = media.finder(file.file.rpartition("/")[0]) if media else None
        variants.append(_prepare(file, known, places, find, warnings))
        if progress:
            progress(number, len(files))
    return Prepared(tuple(variants), tuple(collections), tuple(warnings))


def _prepare(
    file: DocumentFile, known: Known | None, places: Places, find: FindMedia | None, warnings: list[Problem]
) -> PreparedVariant:
    text = render_text(file.title, file.body, known=known, resolve=places.resolver(file.folder), media=find)
    warnings.extend(text.warnings(file.file, file.body_line))
    if file.public and file.audience is not None:
        warnings.append(Problem(file.file, 1, Message("“public” has no effect beside “audience”: only they see it")))
    return PreparedVariant(file, text, analysed(file.title, text.rendered) if text.rendered else None)


def render_text(
    title: str, source: str, *, known: Known | None, resolve: Resolve, media: FindMedia | None = None
) -> Text:
    """Render a text, or find that what is `known` of it still holds.

    The digest is of the words alone: where a text stands and whom it is for may change without its being another. What
    its links led to is remembered, a picture by an address that changes with it: a changed picture is a changed text.
    """
    digest = hashlib.sha256(f"{title}\0{source}".encode()).hexdigest()

    def leads_to(target: str) -> str | None:
        return resolve(target) or _address(media(target) if media else None)

    if (
        known is not None
        and (known.digest, known.rendering) == (digest, RENDERING)
        and all(url is not None and leads_to(target) == url for target, url in known.links.items())
    ):
        return Text(digest, known.links, None)
    links: dict[str, str | None] = {}

    def resolve_and_note(target: str) -> str | None:
        links[target] = resolve(target)
        return links[target]

    def find_and_note(target: str) -> Media | Message | None:
        found = media(target) if media else None
        links[target] = _address(found)
        return found

    return Text(digest, links, render(source, resolve=resolve_and_note, media=find_and_note))


def _address(found: Media | Message | None) -> str | None:
    return None if found is None or isinstance(found, Message) else found.address


def toc_of(rendered: Rendered) -> list[dict[str, object]]:
    """The contents list as it is stored."""
    return [{"level": heading.level, "id": heading.id, "text": heading.text} for heading in rendered.toc]
