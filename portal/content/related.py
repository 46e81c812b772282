"""What else may help whoever reads a document: a rule anyone can follow, worked out when something is published.

Three things count: that one links to the other, that both stand in one collection, and that they speak of the same
things, by the cosine of their tf-idf terms (Salton and Buckley, 1988). Terms are words of Latin letters and digits, and
pairs of characters in Japanese, from the title (three times) and the beginning of the text.
"""

from __future__ import annotations

import heapq
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select
from sqlmodel import Session

from portal.content.library import DOCUMENT, RELATED, VARIANT

LINKED = 1.0
TOGETHER = 0.15
LEAST = 0.2
"""Below this two documents have nothing to do with each other: standing on one shelf is not enough alone."""
KEPT = 8
TERMS = 40
LOOKED_AT = 1500
COMMON = 0.2
"""A term in more than this share of the documents, and in more than a few, tells nothing apart and costs the most."""
FEW = 10

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
    vectors = _vectors(texts)
    alike: dict[str, dict[str, float]] = {text.id: defaultdict(float) for text in texts}
    holders: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for key, vector in vectors.items():
        for term, weight in vector.items():
            holders[term].append((key, weight))
    for key, vector in vectors.items():
        for term, weight in vector.items():
            for other, theirs in holders[term]:
                if other != key:
                    alike[key][other] += weight * theirs
    shelves: dict[str, list[str]] = defaultdict(list)
    linked: dict[str, set[str]] = defaultdict(set)
    for text in texts:
        shelves[text.collection].append(text.id)
        for other in text.links & alike.keys() - {text.id}:
            linked[text.id].add(other)
            linked[other].add(text.id)
    shelf_of = {text.id: text.collection for text in texts}
    return {text.id: _best(text.id, alike[text.id], linked[text.id], shelf_of) for text in texts}


def write_related(session: Session) -> None:
    """Work it out anew for all documents there are, and write it down. 1,000 documents take about a second."""
    found = relate(_texts(session))
    session.execute(delete(RELATED))
    rows = [
        {"document_id": key, "position": position, "related_id": other, "why": why}
        for key, others in found.items()
        for position, (other, why) in enumerate(others)
    ]
    if rows:
        session.execute(insert(RELATED), rows)


def _best(
    key: str, alike: Mapping[str, float], linked: Collection[str], shelf_of: Mapping[str, str]
) -> list[tuple[str, str]]:
    ranked = []
    for other in {*alike, *linked}:
        words = alike.get(other, 0.0)
        parts = {
            "link": LINKED if other in linked else 0.0,
            "collection": TOGETHER if shelf_of[other] == shelf_of[key] else 0.0,
            "words": words,
        }
        score = sum(parts.values())
        if score >= LEAST:
            ranked.append((-round(score, 6), other, max(parts, key=lambda name: parts[name])))
    return [(other, why) for _, other, why in heapq.nsmallest(KEPT, ranked)]


def _vectors(texts: Sequence[Text]) -> dict[str, dict[str, float]]:
    counts = {text.id: Counter(terms(text.words)) for text in texts}
    held = Counter(term for counted in counts.values() for term in counted)
    most = max(FEW, COMMON * len(texts))
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


def _texts(session: Session) -> list[Text]:
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
    return [
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
