"""Tutorials in the index of the search: one entry a language, with all that its steps say.

Only some steps of a tutorial may have been rendered this time, so its words are read back from the library, and only
where something in it differs; tutorials are few and short.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlmodel import Session

from portal.kit.i18n import Locale, as_locale
from portal.search import index
from portal.search.analysis import analyse
from portal.tutorials.service import STEP, TEXT, TUTORIAL

SHELF: Final = "tutorial"


@dataclass
class _Said:
    """A tutorial in one language, as far as it decides what it is found by."""

    title: str
    description: str
    steps: list[tuple[str, str, str]] = field(default_factory=list)
    """Key, title, digest of the text."""

    @property
    def digest(self) -> str:
        said = repr((self.title, self.description, self.steps))
        return index.stamp(hashlib.sha256(said.encode()).hexdigest())


def bring_up_to_date(session: Session) -> int:
    """The index has every tutorial there is, as it is, and no other; how many entries that changed."""
    wanted = _said(session)
    there = index.indexed(session, SHELF)
    gone = index.take_out(session, SHELF, there.keys() - wanted.keys())
    stale = {where: said for where, said in wanted.items() if there.get(where) != said.digest}
    return gone + index.put(session, SHELF, [_text(session, where, said) for where, said in stale.items()])


def _said(session: Session) -> dict[index.Where, _Said]:
    heads = {
        row.key: row
        for row in session.execute(
            select(*TUTORIAL.c["key", "title", "description"]).where(TUTORIAL.c.archived_at.is_(None))
        )
    }
    found: dict[index.Where, _Said] = {}
    rows = session.execute(
        select(*TEXT.c["tutorial_key", "step_key", "locale", "digest"], STEP.c.title)
        .join(STEP, (STEP.c.tutorial_key == TEXT.c.tutorial_key) & (STEP.c.key == TEXT.c.step_key))
        .order_by(TEXT.c.tutorial_key, STEP.c.position)
    )
    for row in rows:
        if row.tutorial_key not in heads:
            continue
        locale, head = as_locale(row.locale), heads[row.tutorial_key]
        said = found.setdefault(
            (row.tutorial_key, locale), _Said(_in(head.title, locale), _in(head.description, locale))
        )
        said.steps.append((row.step_key, _in(row.title, locale), row.digest))
    return found


def _in(texts: Mapping[str, str], locale: Locale) -> str:
    return texts.get(locale) or next(iter(texts.values()), "")


def _text(session: Session, where: index.Where, said: _Said) -> index.Text:
    key, locale = where
    rows: Any = session.execute(
        select(*TEXT.c["step_key", "text"]).where(TEXT.c.tutorial_key == key, TEXT.c.locale == locale)
    )
    texts = {row.step_key: row.text for row in rows}
    parts = [said.description, *(part for step, title, _ in said.steps for part in (title, texts.get(step, "")))]
    text = "\n".join(part for part in parts if part)
    words = analyse(said.title, text, headings=[title for _, title, _ in said.steps])
    return index.Text(key, locale, said.title, text, said.digest, words)
