"""Documents in the index of the search: put in when they are published, in the same transaction, and taken out with
them.

The words are made beforehand (`analysed`), while no one waits. What may be seen is never part of the index: whoever
searches asks the wall.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlmodel import Session

from portal.kit.i18n import Locale
from portal.kit.markdown import Rendered
from portal.search import index
from portal.search.analysis import Analysed, analyse

SHELF: Final = "document"


def analysed(title: str, rendered: Rendered) -> Analysed:
    """The words of a document in one language."""
    return analyse(title, rendered.text, headings=[heading.text for heading in rendered.toc])


def digest_of(digest: str, rendering: int) -> str:
    """What an entry was made of: the words as written, by which renderer, in which analysis."""
    return index.stamp(f"{rendering}:{digest}")


def put(session: Session, entries: Sequence[index.Text]) -> int:
    """Bring documents into the index; how many were not there as they are."""
    return index.put(session, SHELF, entries)


def take_out(session: Session, gone: Collection[tuple[str, Locale]]) -> int:
    """Take documents out of the index."""
    return index.take_out(session, SHELF, gone)
