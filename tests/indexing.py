"""Texts in the index without a library around them, for tests of the search itself."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np
from sqlmodel import Session

from portal.kit.i18n import Locale
from portal.search.analysis import analyse
from portal.search.catalogue import Catalogue, Mask, current
from portal.search.index import Text, put, stamp
from portal.search.service import Ranking, rank

GOLD = Path(__file__).parent / "portal" / "search" / "gold.json"


@dataclass(frozen=True)
class Judged:
    """A question with the key of its best answer."""

    kind: str
    locale: Locale
    query: str
    best: str


def gold_texts() -> list[Text]:
    """The judged set's documents, ready to be indexed."""
    documents = json.loads(GOLD.read_text(encoding="utf-8"))["documents"]
    return [text(one["key"], one["title"], one["body"], locale=one["locale"]) for one in documents]


def gold_queries() -> list[Judged]:
    """The judged set's questions."""
    queries = json.loads(GOLD.read_text(encoding="utf-8"))["queries"]
    return [Judged(one["kind"], one["locale"], one["query"], one["gold"][0]) for one in queries]


def text(key: str, title: str, body: str = "", *, locale: Locale = "ja", version: str = "1") -> Text:
    """One text, analysed. Another `version` says that something in it differs."""
    return Text(
        key, locale, title, body, stamp(sha256(f"{version}:{title}:{body}".encode()).hexdigest()), analyse(title, body)
    )


def index(session: Session, texts: Iterable[Text]) -> int:
    """Put texts on the shelf of documents."""
    return put(session, "document", list(texts))


def everything(catalogue: Catalogue) -> Mask:
    """Sees all."""
    return np.ones(len(catalogue), np.bool_)


def all_but(catalogue: Catalogue, *hidden: str) -> Mask:
    """Sees all but these keys."""
    return np.array([key not in hidden for key in catalogue.keys], np.bool_)


def ranked(session: Session, asked: str, *, locale: Locale = "ja", hidden: Iterable[str] = ()) -> list[str]:
    """The keys that answer, the best first."""
    catalogue = current(session)
    found = ranking(session, asked, locale=locale, hidden=hidden)
    return [catalogue.keys[number] for number in found.entries]


def ranking(session: Session, asked: str, *, locale: Locale = "ja", hidden: Iterable[str] = ()) -> Ranking:
    """What answers, for someone who may see all but `hidden`."""
    catalogue = current(session)
    return rank(session, catalogue, asked, locale=locale, visible=all_but(catalogue, *hidden))
