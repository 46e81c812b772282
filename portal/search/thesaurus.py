"""Synonyms, and how they widen a question: at the moment it is asked, so that a new one holds at once and nothing is
indexed again. Pure.

A phrase is recognised by its terms, so its spelling does not matter: 取消し is known where 取り消し was written down,
and invoices where invoice was. Within a longer word it is recognised as it stands: スマホアプリ is also
スマートフォンアプリ.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from portal.search.question import Question, Word, understand
from portal.search.rank import Sought, Way

SHIPPED: Final = Path(__file__).parent / "synonyms.txt"
SYNONYM_WEIGHS: Final = 0.8
MOST_OF_IT: Final = 0.6
LONGEST_PHRASE: Final = 4
"""Words of a question that may be one phrase."""
SHORTEST_WITHIN: Final = 2
Terms = tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Rule:
    """Who asks for one of `words` is also answered by each of `means`, and with `both_ways` the other way round."""

    words: tuple[str, ...]
    means: tuple[str, ...] = ()
    both_ways: bool = True


@dataclass(frozen=True)
class Thesaurus:
    """Every rule, by the terms of its phrases; `within` are folded phrases that may stand within a longer word."""

    _by_terms: Mapping[Terms, tuple[str, ...]]
    _within: Mapping[str, tuple[str, ...]]

    def widen(self, question: Question) -> list[Sought]:
        """The words of a question, each with every way to have it."""
        sought: list[Sought] = []
        words, at = question.words, 0
        while at < len(words):
            length, others = self._longest(words[at:])
            phrase = words[at : at + length]
            synonyms = [_by_synonym(other) for other in others]
            ways = [_as_asked(phrase), *(way for way, _ in synonyms if way.terms)]
            named = (*phrase, *(word for _, found in synonyms for word in found))
            sought.append(Sought(tuple(dict.fromkeys(ways)), named, max(word.weight for word in phrase)))
            at += length
        return sought

    def others(self, phrase: str) -> tuple[str, ...]:
        """What else a phrase is called."""
        return self._by_terms.get(_terms(understand(phrase).words), ())

    def _longest(self, words: Sequence[Word]) -> tuple[int, tuple[str, ...]]:
        for length in range(min(LONGEST_PHRASE, len(words)), 0, -1):
            found = self._by_terms.get(_terms(words[:length]))
            if found:
                return length, found
        return 1, self._within_word(words[0])

    def _within_word(self, word: Word) -> tuple[str, ...]:
        if word.script not in ("kanji", "katakana"):
            return ()
        cut = [word.text[start:end] for start in range(len(word.text)) for end in range(start + 2, len(word.text) + 1)]
        for part in sorted(cut, key=len, reverse=True):
            if part != word.text and part in self._within:
                return tuple(word.text.replace(part, f" {other} ") for other in self._within[part])
        return ()


def thesaurus(rules: Iterable[Rule]) -> Thesaurus:
    """Put rules together; of a phrase that several name, all hold."""
    leads: dict[str, dict[str, None]] = {}
    for rule in rules:
        for word in rule.words:
            same = rule.words if rule.both_ways and not rule.means else ()
            leads.setdefault(word, {}).update(dict.fromkeys((*same, *rule.means)))
        if rule.both_ways:
            for word in rule.means:
                leads.setdefault(word, {}).update(dict.fromkeys(rule.words))
    by_terms: dict[Terms, dict[str, None]] = {}
    within: dict[str, dict[str, None]] = {}
    for phrase, others in leads.items():
        words = understand(phrase).words
        wanted = {other: None for other in others if other != phrase}
        by_terms.setdefault(_terms(words), {}).update(wanted)
        if len(words) == 1 and words[0].script in ("kanji", "katakana") and len(words[0].text) >= SHORTEST_WITHIN:
            within.setdefault(words[0].text, {}).update(wanted)
    return Thesaurus(
        {terms: tuple(others) for terms, others in by_terms.items() if terms},
        {text: tuple(others) for text, others in within.items()},
    )


@cache
def shipped() -> tuple[Rule, ...]:
    """The list that comes with Banso."""
    return tuple(parse(SHIPPED.read_text(encoding="utf-8")))


def parse(text: str) -> Iterable[Rule]:
    """Rules as the shipped list writes them: `a = b = c`, or `a > b` for one way."""
    for line in text.splitlines():
        said = line.split("#", maxsplit=1)[0].strip()
        if ">" in said:
            word, means = said.split(">", maxsplit=1)
            yield Rule((word.strip(),), (means.strip(),), both_ways=False)
        elif said:
            yield Rule(tuple(word.strip() for word in said.split("=")))


def _terms(words: Sequence[Word]) -> Terms:
    return tuple(word.terms for word in words)


def _as_asked(phrase: Sequence[Word]) -> Way:
    terms = tuple(dict.fromkeys(term for word in phrase for term in word.terms))
    one = phrase[0]
    if len(phrase) > 1:
        return Way(terms)
    # Part of a kanji compound still says something; part of a word in kana is a word of its own, or none.
    return Way(terms, one.whole, one.script == "katakana", 0.0 if one.script == "kanji" else MOST_OF_IT)


@lru_cache(maxsize=4_096)
def _by_synonym(other: str) -> tuple[Way, tuple[Word, ...]]:
    words = understand(other).words
    if not words:
        return Way(()), ()
    return replace(_as_asked(words), weight=SYNONYM_WEIGHS), words
