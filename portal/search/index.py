"""Writing the index: what is published is put in, what is archived is taken out, in the transaction that does either.

An entry whose digest is unchanged is not touched; of one that changed only the postings that differ are written.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import bindparam, delete, insert, select, update
from sqlmodel import Session

from portal.kit.i18n import Locale
from portal.kit.rows import Row
from portal.kit.secrets import new_token
from portal.search import postings
from portal.search.analysis import ANALYSIS, Analysed
from portal.search.models import BLOCK

STATE, ENTRY, POSTING = (Row.metadata.tables[name] for name in ("search_state", "search_entry", "search_posting"))
CHUNK: Final = 500
"""Terms or entries asked for at once: a statement takes only so many parameters."""

T = TypeVar("T")
Where = tuple[str, Locale]
"""An entry within its shelf: a key and a language."""


@dataclass(frozen=True)
class Text:
    """What is to be found: `words` were made of a text and its title, and `digest` says of what in all."""

    key: str
    locale: Locale
    title: str
    text: str
    digest: str
    words: Analysed

    @property
    def where(self) -> Where:
        return self.key, self.locale


def stamp(digest: str) -> str:
    """A digest that also changes when another index is made of the same words."""
    return f"{ANALYSIS}:{digest}"


def indexed(session: Session, shelf: str) -> dict[Where, str]:
    """What is in the index of one shelf, with the digest it was made of."""
    rows = session.execute(select(*ENTRY.c["key", "locale", "digest"]).where(ENTRY.c.shelf == shelf))
    return {(row.key, row.locale): row.digest for row in rows}


def put(session: Session, shelf: str, texts: Sequence[Text]) -> int:
    """Bring these texts of a shelf into the index; how many were not there as they are."""
    there = _there(session, shelf, [text.where for text in texts]) if texts else {}
    stale = [text for text in texts if text.where not in there or there[text.where].digest != text.digest]
    if not stale:
        return 0
    hold(session)
    changes: dict[int, dict[str, int]] = {}
    for text in stale:
        row = there.get(text.where)
        before = _unpacked(row.weights) if row is not None else {}
        changes[_write(session, shelf, text, row)] = _difference(before, text.words.weights)
    _post(session, changes)
    _changed(session)
    return len(stale)


def take_out(session: Session, shelf: str, gone: Collection[Where]) -> int:
    """Take these entries of a shelf out of the index; how many were in it."""
    rows = list(_there(session, shelf, gone).values()) if gone else []
    if not rows:
        return 0
    hold(session)
    _post(session, {row.id: dict.fromkeys(_unpacked(row.weights), 0) for row in rows})
    for some in _chunks([row.id for row in rows]):
        session.execute(delete(ENTRY).where(ENTRY.c.id.in_(some)))
    _changed(session)
    return len(rows)


def _there(session: Session, shelf: str, wanted: Collection[Where]) -> dict[Where, Any]:
    found: dict[Where, Any] = {}
    keys = set(wanted)
    for some in _chunks(sorted({key for key, _ in keys})):
        rows = session.execute(
            select(*ENTRY.c["id", "key", "locale", "digest", "weights"])
            .where(ENTRY.c.shelf == shelf, ENTRY.c.key.in_(some))
            .order_by(ENTRY.c.id)
        )
        found |= {(row.key, row.locale): row for row in rows if (row.key, row.locale) in keys}
    return found


def hold(session: Session) -> None:
    """One writer of the index at a time: two that change the row of the same term would lose one change."""
    if session.execute(select(STATE.c.id).with_for_update()).first() is None:
        session.execute(insert(STATE).values(id=1, token=new_token(size=16), words=new_token(size=16)))


def _changed(session: Session) -> None:
    session.execute(update(STATE).values(token=new_token(size=16)))


def _write(session: Session, shelf: str, text: Text, row: Any) -> int:
    values = {
        "digest": text.digest,
        "called": text.title,
        "title": text.words.title,
        "reading": text.words.reading,
        "text": text.text,
        "folded": text.words.text.text,
        "jumps": postings.packed_jumps(text.words.text),
        "length": text.words.length,
        "weights": zlib.compress(orjson.dumps(dict(sorted(text.words.weights.items())))),
    }
    if row is not None:
        session.execute(update(ENTRY).where(ENTRY.c.id == row.id).values(**values))
        return int(row.id)
    added = insert(ENTRY).values(shelf=shelf, key=text.key, locale=text.locale, **values).returning(ENTRY.c.id)
    return int(session.execute(added).scalar_one())


def _unpacked(weights: bytes) -> dict[str, int]:
    unpacked: dict[str, int] = orjson.loads(zlib.decompress(weights))
    return unpacked


def _difference(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """The terms that weigh something else now; 0 for those that are gone."""
    gone = dict.fromkeys(before.keys() - after.keys(), 0)
    return gone | {term: weight for term, weight in after.items() if before.get(term) != weight}


def _post(session: Session, changes: Mapping[int, Mapping[str, int]]) -> None:
    """Write down what each entry's terms weigh from now on, block by block."""
    blocks: dict[int, dict[str, dict[int, int]]] = {}
    for entry, weights in changes.items():
        block = blocks.setdefault(entry // BLOCK, {})
        for term, weight in weights.items():
            block.setdefault(term, {})[entry % BLOCK] = weight
    for number, terms in sorted(blocks.items()):
        for some in _chunks(sorted(terms)):
            _post_block(session, number, {term: terms[term] for term in some})


def _post_block(session: Session, block: int, changes: Mapping[str, Mapping[int, int]]) -> None:
    asked = select(*POSTING.c["term", "places"]).where(POSTING.c.block == block, POSTING.c.term.in_(list(changes)))
    there = {row.term: row.places for row in session.execute(asked)}
    added, changed, emptied = [], [], []
    for term, weights in changes.items():
        places = postings.changed(there.get(term, b""), weights)
        if term not in there:
            if places:
                added.append({"term": term, "block": block, "places": places})
        elif places:
            changed.append({"in_term": term, "in_block": block, "places": places})
        else:
            emptied.append({"in_term": term, "in_block": block})
    this = (POSTING.c.term == bindparam("in_term")) & (POSTING.c.block == bindparam("in_block"))
    connection = session.connection()
    if added:
        connection.execute(insert(POSTING), added)
    if changed:
        connection.execute(update(POSTING).where(this), changed)
    if emptied:
        connection.execute(delete(POSTING).where(this), emptied)


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[start : start + CHUNK] for start in range(0, len(items), CHUNK))
