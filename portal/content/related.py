"""What else may help whoever reads a document: a rule anyone can follow, worked out once something is published.

Among 20,000 documents that takes many seconds, so a job does it, and holds the database's one writer only to write down
what differs. Until then readers have what was worked out before.

Three things count: that one links to the other, that both stand in one collection, and that they speak of the same
things, by the cosine of their tf-idf terms (Salton and Buckley, 1988). Terms are words of Latin letters and digits, and
pairs of characters in Japanese, from the title (three times) and the beginning of the text.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import re
import unicodedata
from collections import Counter, defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, func, insert, select
from sqlmodel import Session

from portal.content.library import DOCUMENT, EDITION, RELATED, VARIANT, changed
from portal.kit.db import Database, chunks
from portal.kit.errors import Conflict
from portal.kit.i18n import Message
from portal.kit.jobs import enqueue

JOB: Final = "related"
LINKED = 1.0
TOGETHER = 0.15
LEAST = 0.2
"""Below this two documents have nothing to do with each other: standing on one shelf is not enough alone."""
KEPT = 8
TERMS = 40
LOOKED_AT = 1500
COMMON = 0.2
"""A term in more than this share of the documents, and in more than a few, tells nothing apart and costs the most."""
FEW, MANY = 10, 1_000

REASONS = ("link", "collection", "words")
"""In this order: of two that weigh the same the first is said."""
Vectors = Mapping[str, Mapping[str, float]]

WORD = re.compile(r"[a-z0-9]{2,}|[\u3041-\u30ff\u3400-\u9fff\uff66-\uff9f々〆ー]+")
HIRAGANA = re.compile(r"[\u3041-\u309f]{2}")


@dataclass(frozen=True)
class Text:
    """A document as far as it decides what is like it. `links` are the ids it leads to."""

    id: str
    collection: str
    words: str
    links: frozenset[str]


def relate(texts: Sequence[Text]) -> dict[str, list[tuple[str, str]]]:
    """For each id up to `KEPT` others, the best first, each with the strongest reason: link, collection or words.

    A function of the texts alone, whatever their order: equals are told apart by their ids.
    """
    keys = sorted(text.id for text in texts)
    places = {key: place for place, key in enumerate(keys)}
    collections = sorted({text.collection for text in texts})
    shelves = np.zeros(len(keys), np.int64)
    linked: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        shelves[places[text.id]] = collections.index(text.collection)
        for other in text.links & places.keys() - {text.id}:
            linked[text.id].add(other)
            linked[other].add(text.id)
    vectors = _vectors(texts)
    holders = _holders(vectors, places)
    found = {}
    for place, key in enumerate(keys):
        words = np.zeros(len(keys))
        for term, weight in vectors[key].items():
            others, theirs = holders[term]
            words[others] += weight * theirs
        links = np.zeros(len(keys))
        links[[places[other] for other in linked[key]]] = LINKED
        shelf = np.where((shelves == shelves[place]) & ((words > 0) | (links > 0)), TOGETHER, 0.0)
        found[key] = _best(place, keys, (links, shelf, words))
    return found


def ask_for_related(session: Session, token: str, *, now: datetime) -> None:
    """Have it worked out once this transaction is over, which makes the edition `token` of the library."""
    enqueue(session, JOB, {}, now=now, dedupe_key=f"{JOB}:{token}")


async def work_out(database: Database, *, now: datetime) -> None:
    """Work it out for the library as it is. Raises `Conflict` where that goes on changing meanwhile."""
    for _ in range(ATTEMPTS):
        token, texts = await database.report(texts_of)
        if token in _worked_out:
            return
        found = await asyncio.to_thread(relate, texts)
        written = await database.write(partial(write_related, found=found, token=token, now=now))
        if written:
            _worked_out.append(written)
            return
    raise Conflict(Message("The library goes on changing; what is related in it is worked out later."))


ATTEMPTS: Final = 3
_worked_out: deque[str] = deque(maxlen=8)
"""Editions that this process has worked out: several publications in a row leave a job each."""


def write_related(
    session: Session, *, found: Mapping[str, Sequence[tuple[str, str]]], token: str, now: datetime
) -> str:
    """Write down what differs, where the library still is the edition `token`; the edition it is then, else ""."""
    if session.execute(select(EDITION.c.token).with_for_update()).scalar() != token:
        return ""
    there: dict[str, list[tuple[str, str]]] = {}
    columns = RELATED.c["document_id", "related_id", "why"]
    for row in session.execute(select(*columns).order_by(RELATED.c.document_id, RELATED.c.position)):
        there.setdefault(row.document_id, []).append((row.related_id, row.why))
    stale = [key for key in sorted({*found, *there}) if list(found.get(key, ())) != there.get(key, [])]
    for keys in chunks(stale):
        session.execute(delete(RELATED).where(RELATED.c.document_id.in_(keys)))
    rows = [
        {"document_id": key, "position": position, "related_id": other, "why": why}
        for key in stale
        for position, (other, why) in enumerate(found.get(key, ()))
    ]
    if rows:
        session.execute(insert(RELATED), rows)
    return changed(session, now=now) if stale else token


Scores = npt.NDArray[np.float64]


def _holders(vectors: Vectors, places: Mapping[str, int]) -> dict[str, tuple[npt.NDArray[np.int64], Scores]]:
    """For each term where it stands and what it weighs there."""
    held: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
    for key, vector in vectors.items():
        for term, weight in vector.items():
            where, weights = held[term]
            where.append(places[key])
            weights.append(weight)
    return {term: (np.array(where, np.int64), np.array(weights)) for term, (where, weights) in held.items()}


def _best(place: int, keys: Sequence[str], parts: tuple[Scores, Scores, Scores]) -> list[tuple[str, str]]:
    """The best others than that at `place`, whose ids are `keys`, by the sum of `parts`; the first of equals by id."""
    scores = np.round(sum(parts), 6)
    scores[place] = 0.0
    near = np.flatnonzero(scores >= LEAST)
    best = near[np.argsort(-scores[near], kind="stable")[:KEPT]]
    return [(keys[other], REASONS[int(np.argmax([part[other] for part in parts]))]) for other in best]


def _vectors(texts: Sequence[Text]) -> Vectors:
    counts = {text.id: Counter(terms(text.words)) for text in texts}
    held = Counter(term for counted in counts.values() for term in counted)
    most = min(max(FEW, COMMON * len(texts)), MANY)
    vectors = {}
    for key, counted in counts.items():
        weights = {
            term: (1 + math.log(count)) * math.log(1 + len(texts) / held[term])
            for term, count in counted.items()
            if 1 < held[term] <= most
        }
        kept = heapq.nsmallest(TERMS, weights.items(), key=lambda item: (-item[1], item[0]))
        length = math.sqrt(sum(weight * weight for _, weight in kept)) or 1.0
        vectors[key] = {term: weight / length for term, weight in kept}
    return vectors


def terms(words: str) -> list[str]:
    """The terms of a text: Latin words, and pairs of Japanese characters but those of Hiragana alone."""
    found: list[str] = []
    for word in WORD.findall(unicodedata.normalize("NFKC", words).lower()):
        if word[0].isascii():
            found.append(word)
        else:
            pairs = (word[index : index + 2] for index in range(len(word) - 1))
            found.extend(pair for pair in pairs if not HIRAGANA.fullmatch(pair))
    return found


def texts_of(session: Session) -> tuple[str, list[Text]]:
    """The edition the library is, and all documents in it."""
    token = session.execute(select(EDITION.c.token)).scalar() or ""
    rows = session.execute(
        select(
            *VARIANT.c["document_id", "title", "links"],
            func.substr(VARIANT.c.text, 1, LOOKED_AT).label("beginning"),
            DOCUMENT.c.collection_key,
        )
        .join(DOCUMENT, DOCUMENT.c.id == VARIANT.c.document_id)
        .where(VARIANT.c.archived_at.is_(None), DOCUMENT.c.archived_at.is_(None))
        .order_by(VARIANT.c.document_id, VARIANT.c.locale)
    )
    by_id: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        by_id[row.document_id].append(row)
    return token, [
        Text(
            id=key,
            collection=variants[0].collection_key,
            words="\n".join(f"{row.title}\n" * 3 + row.beginning for row in variants),
            links=frozenset(filter(None, (_document(url) for row in variants for url in row.links.values()))),
        )
        for key, variants in by_id.items()
    ]


def _document(url: str | None) -> str | None:
    return url.removeprefix("/manuals/").partition("/")[0] if url and url.startswith("/manuals/") else None
