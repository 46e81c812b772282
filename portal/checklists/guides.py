"""The help of a step: the article or tutorial that explains it, where the reader may have it.

A step that is done by reading or by finishing a tutorial leads there by itself. What is past the reader's wall is no
link: nobody is led to a page that is not there for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

from sqlmodel import Session

from portal.checklists.definition import Step, Tick
from portal.checklists.reading import LibraryKind, help_target
from portal.conditions.model import queries, shorthand
from portal.content.library import current
from portal.content.readers import Reader
from portal.content.wall import Wall
from portal.kit.i18n import Locale
from portal.kit.templating import in_locale
from portal.tutorials.service import list_tutorials


@dataclass(frozen=True)
class Guide:
    """Where a step is explained; `key` is what the library calls it."""

    kind: Literal["document", "tutorial"]
    key: str
    title: str
    href: str


def guides_of(
    session: Session, steps: Iterable[Step], reader: Reader, *, locale: Locale, now: datetime, zone: ZoneInfo
) -> dict[str, Guide]:
    """The guide of each step that has one this reader may see, by the step's key."""
    wanted = {step.key: list(_places(step)) for step in steps}
    kinds = {kind for places in wanted.values() for kind, _ in places}
    documents = _documents(session, wanted, reader, locale, now, zone) if "document" in kinds else {}
    tutorials: dict[str, Guide] = {}
    if "tutorial" in kinds:
        for overview in list_tutorials(session, reader, now=now, zone=zone):
            tutorial = overview.tutorial
            title = in_locale(tutorial.title, locale=locale)
            tutorials[tutorial.key] = Guide("tutorial", tutorial.key, title, f"/tutorials/{tutorial.key}")
    shelves: dict[str, dict[str, Guide]] = {"document": documents, "tutorial": tutorials}
    found = {
        step: next((guide for kind, key in places if (guide := shelves.get(kind, {}).get(key))), None)
        for step, places in wanted.items()
    }
    return {step: guide for step, guide in found.items() if guide is not None}


def _places(step: Step) -> Iterator[tuple[LibraryKind, str]]:
    if step.help:
        yield help_target(step.help)
    if isinstance(step.done_when, Tick):
        return
    for query in queries(step.done_when):
        about = shorthand(query)
        if about is None:
            continue
        for value in about.values:
            if about.name == "tutorial" and isinstance(value, str):
                yield "tutorial", value
            elif about.name == "document" and isinstance(value, str):
                yield "document", value


def _documents(
    session: Session,
    wanted: dict[str, list[tuple[LibraryKind, str]]],
    reader: Reader,
    locale: Locale,
    now: datetime,
    zone: ZoneInfo,
) -> dict[str, Guide]:
    library = current(session)
    wall = Wall(session, reader, now=now, zone=zone)
    found: dict[str, Guide] = {}
    for key in {key for places in wanted.values() for kind, key in places if kind == "document"}:
        entry = library.find(key)
        variant = wall.choose(entry, locale) if entry else None
        if entry is not None and variant is not None:
            found[key] = Guide("document", entry.id, variant.title, entry.path(variant))
    return found
