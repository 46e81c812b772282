"""From scores to a list: one place for each thing, and a closer look at the texts of the best.

Pairs of characters do not know order: 会社概要 has all pairs of 社会. So of the best few the texts themselves are
looked at, for the question as it was asked: in the title, in how the title is read, in the text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import bindparam, select
from sqlmodel import Session

from portal.kit.i18n import LOCALES, Locale
from portal.kit.prepared import Prepared
from portal.kit.sql import among
from portal.search.catalogue import Catalogue, Mask
from portal.search.fold import key
from portal.search.index import ENTRY
from portal.search.postings import Numbers
from portal.search.question import Question
from portal.search.rank import Points, Scores

FOREIGN: Final = 0.3
"""What an answer in the other language is worth beside one in the reader's own."""
ENOUGH: Final = 0.5
"""The least share of the question, beside the best answer's, that an answer must have."""
LEAST: Final = 0.2
LOOKED_AT: Final = 30
"""Of so many best answers the texts themselves are looked at."""
IS_TITLE, IN_TITLE, TITLE_BEGINS, WORDS_IN_TITLE, IN_READING, IN_TEXT = 0.5, 0.4, 0.15, 0.4, 0.6, 0.25


@dataclass(frozen=True)
class Best:
    """Answers, the best first. `entries` answered; `shown` are the same things in the language they are shown in.

    `share` is the most that any of them has of the question, 0 to 1.
    """

    entries: Numbers
    shown: Numbers
    points: Points
    share: float


def by_thing(catalogue: Catalogue, scores: Scores, *, locale: Locale, visible: Mask) -> Best:
    """The visible things that have enough of the question, each once, shown in `locale` where that may be seen."""
    # Most of the index answers hardly any question: only what does is looked at, and -1 stands for what is not there.
    answering = np.zeros(len(catalogue.versions[locale]), np.bool_)
    answering[catalogue.thing[np.flatnonzero(visible & (scores.points > 0))]] = True
    things = np.flatnonzero(answering)
    own = catalogue.versions[locale][things]
    other = catalogue.versions[next(one for one in LOCALES if one != locale)][things]
    points = np.append(np.where(visible, scores.points, 0), np.float32(0))
    in_own, in_other = points[own], points[other] * np.float32(FOREIGN)
    entries = np.where(in_own >= in_other, own, other)
    worth, had = np.maximum(in_own, in_other), scores.share[entries]
    shown = np.where((own >= 0) & visible[own], own, other)
    share = float(had.max(initial=0))
    enough = max(LEAST, ENOUGH * share)
    kept = np.flatnonzero(had >= enough)
    # What answers only in a translation, while the reader is shown the original, comes up where nothing else does.
    as_shown = kept[points[shown[kept]] > 0]
    kept = as_shown if len(as_shown) else kept
    kept = kept[np.argsort(-worth[kept], kind="stable")]
    return Best(entries[kept], shown[kept], worth[kept], share)


def looked_at(session: Session, catalogue: Catalogue, question: Question, best: Best) -> Numbers:
    """The entries to show, after a closer look at the texts of the first."""
    count = min(LOOKED_AT, len(best.entries))
    first = best.entries[:count]
    phrase = key(question.asked)
    having = _having(session, catalogue, phrase, first) if len(phrase) > 1 and count > 1 else set()
    counted = [word.text.replace(" ", "") for word in question.words if word.weight == 1]
    raised = [
        -points * (1 + _in_title(catalogue, question.text, counted, entry) + (IN_TEXT if entry in having else 0))
        for entry, points in zip(first.tolist(), best.points[:count].tolist(), strict=True)
    ]
    order = sorted(range(count), key=lambda place: (round(raised[place], 4), place))
    return np.concatenate([best.shown[:count][order], best.shown[count:]])


def _in_title(catalogue: Catalogue, asked: str, counted: Sequence[str], entry: int) -> float:
    title = catalogue.titles[entry].replace(" ", "")
    raised = 0.0
    if title == asked:
        raised += IS_TITLE
    if asked in title:
        raised += IN_TITLE + (TITLE_BEGINS if title.startswith(asked) else 0)
    elif len(asked) > 2 and asked in catalogue.readings[entry]:
        raised += IN_READING
    if counted:
        raised += WORDS_IN_TITLE * sum([word in title for word in counted]) / len(counted)
    return raised


def _having(session: Session, catalogue: Catalogue, phrase: str, entries: Numbers) -> set[int]:
    """Those of `entries` whose text has the question word for word."""
    numbers = {int(catalogue.ids[entry]): int(entry) for entry in entries}
    found = _HAVING.all(session, {"ids": list(numbers), "phrase": f"%{_escaped(phrase)}%"})
    return {numbers[entry] for (entry,) in found}


def _escaped(phrase: str) -> str:
    return phrase.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


_HAVING = Prepared(
    select(ENTRY.c.id).where(among(ENTRY.c.id, "ids"), ENTRY.c.folded.like(bindparam("phrase"), escape="\\"))
)
