"""Asking the index: which entries answer a question, among those the asker may see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from sqlalchemy import select
from sqlmodel import Session

from portal.kit.i18n import Locale
from portal.search import order, typos
from portal.search.catalogue import Catalogue, Mask
from portal.search.fold import fold
from portal.search.index import ENTRY
from portal.search.postings import Numbers
from portal.search.question import Question, Word, understand
from portal.search.rank import Sought, Way, score
from portal.search.synonyms import in_force
from portal.search.words import MARK_WORD

CORRECTED: Final = 0.7
COMPLETED: Final = 0.8
ONE_CHARACTER: Final = 200
HALF: Final = 0.5


@dataclass(frozen=True)
class Ranking:
    """Entries that answer, the best first, one for each thing. `meant` is the question as it was probably meant.

    `in_pieces`: none of them has as much as half of it. `words` are those of the question and all that stands for them:
    what to mark in a text.
    """

    question: Question
    entries: Numbers
    meant: str = ""
    words: tuple[Word, ...] = ()
    in_pieces: bool = False

    @property
    def total(self) -> int:
        """How many there are."""
        return len(self.entries)


def rank(session: Session, catalogue: Catalogue, asked: str, *, locale: Locale, visible: Mask) -> Ranking:
    """Everything that answers `asked`, among the entries that are `visible`, in the order of a reader of `locale`.

    A thing that is there in both languages counts once, by whichever answers better. A word that no visible entry has
    is taken for a slip of the finger, and what it is corrected to comes from visible entries alone.
    """
    question = understand(asked)
    if not question.words or not len(catalogue) or not visible.any():
        return Ranking(question, np.zeros(0, np.int64))
    sought = in_force(session).widen(question)
    sought = _by_one_character(session, catalogue, question, sought)
    sought, meant = _corrected(session, catalogue, question, sought, visible)
    found = catalogue.places(session, _terms_of(sought) + list(question.glue))

    def best_of(wanted: Sequence[Sought]) -> order.Best:
        scores = score(wanted, question.glue, found, catalogue.norms)
        return order.by_thing(catalogue, scores, locale=locale, visible=visible)

    best = best_of(sought)
    if not len(best.entries):
        # Rather something that has a piece of the word than nothing at all.
        best = best_of([replace(one, ways=[replace(way, least=0.0) for way in one.ways]) for one in sought])
    words = tuple(word for one in sought for word in one.words)
    return Ranking(question, order.looked_at(session, catalogue, question, best), meant, words, best.share < HALF)


def _terms_of(sought: Sequence[Sought]) -> list[str]:
    return [term for one in sought for way in one.ways for term in (*way.terms, way.whole) if term]


def _by_one_character(session: Session, catalogue: Catalogue, question: Question, sought: list[Sought]) -> list[Sought]:
    """A single character is asked for by every term that begins with it."""
    if len(question.words) != 1 or len(question.words[0].terms[0]) != 1 or question.words[0].script == "latin":
        return sought
    terms = catalogue.beginning_with(session, question.words[0].terms[0], ONE_CHARACTER)
    return [replace(sought[0], ways=tuple(Way((term,)) for term in terms) or sought[0].ways)]


# --- slips of the finger ----------------------------------------------------------------------------------------------


def _corrected(
    session: Session, catalogue: Catalogue, question: Question, sought: list[Sought], visible: Mask
) -> tuple[list[Sought], str]:
    """The words that nobody has replaced by ones that somebody has, and the question written with them."""
    made, meant = [], question.asked
    by_terms = {word.terms: word for word in question.words}
    for one in sought:
        word = by_terms.get(one.ways[0].terms)
        if word is None or not _can_be_misspelt(word) or _is_known(session, catalogue, one, visible):
            made.append(one)
            continue
        words = catalogue.vocabulary(session)
        longer = [
            other for other in typos.completions(word.text, words) if _is_seen(session, catalogue, other, visible)
        ]
        if longer:
            made.append(_or(one, longer, COMPLETED))
            continue
        near = typos.candidates(word.text, words)
        close = next((other for other in near if _is_seen(session, catalogue, other, visible)), "")
        if close:
            made.append(_or(one, [close], CORRECTED))
            meant = meant.replace(word.shown, _as_written(session, catalogue, close, visible))
        else:
            made.append(one)
    return made, meant if meant != question.asked else ""


def _can_be_misspelt(word: Word) -> bool:
    return word.script in ("latin", "katakana", "kana") and word.weight == 1


def _is_known(session: Session, catalogue: Catalogue, one: Sought, visible: Mask) -> bool:
    """Whether a visible entry has the word by one of its ways, all of it."""
    places = catalogue.places(session, _terms_of([one]))
    for way in one.ways:
        if len(way.terms) == 1:
            if visible[places[way.terms[0]].entries].any():
                return True
            continue
        hits = np.zeros(len(catalogue), np.int16)
        for term in way.terms:
            hits[places[term].entries] += 1
        if (visible & (hits == len(way.terms))).any():
            return True
    return False


def _seen(session: Session, catalogue: Catalogue, word: str, visible: Mask) -> Numbers:
    """The visible entries that have the whole word."""
    entries = catalogue.places(session, [MARK_WORD + word])[MARK_WORD + word].entries
    return entries[visible[entries]]


def _is_seen(session: Session, catalogue: Catalogue, word: str, visible: Mask) -> bool:
    return len(_seen(session, catalogue, word, visible)) > 0


def _or(one: Sought, others: Sequence[str], weight: float) -> Sought:
    """A word, or else one of these whole words of the index."""
    ways, words = list(one.ways), list(one.words)
    for other in others:
        found = understand(other).words
        terms = tuple(dict.fromkeys(term for word in found for term in word.terms))
        ways.append(Way(terms or (MARK_WORD + other,), MARK_WORD + other, weight=weight))
        words += found
    return replace(one, ways=tuple(ways), words=tuple(words))


def _as_written(session: Session, catalogue: Catalogue, word: str, visible: Mask) -> str:
    """A word of the index as a text writes it that the reader may see."""
    seen = _seen(session, catalogue, word, visible)
    row = session.execute(select(*ENTRY.c["called", "text"]).where(ENTRY.c.id == int(catalogue.ids[seen[0]]))).one()
    for text in (row.called, row.text):
        folded = fold(text)
        at = folded.text.find(word)
        if at >= 0:
            first, last = folded.span(at, at + len(word))
            return str(text[first:last])
    return word
