"""The vendor's own synonyms, kept by staff beside the shipped ones; each act is on record and can be taken back."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.prepared import Prepared
from portal.kit.secrets import new_token
from portal.search.index import STATE, hold
from portal.search.models import Synonym
from portal.search.question import understand
from portal.search.thesaurus import Rule, Thesaurus, shipped, thesaurus

LONGEST: Final = 60
MOST: Final = 12
_ASK_WORDS: Final = Prepared(select(STATE.c.words))
_kept: dict[str, Thesaurus] = {}
_lock = threading.Lock()


def in_force(session: Session) -> Thesaurus:
    """Shipped and own synonyms as they are in this transaction."""
    asked = _ASK_WORDS.first(session, {})
    token = asked[0] if asked else ""
    kept = _kept.get(token)
    if kept is None:
        own = [Rule(tuple(one.words), tuple(one.means), one.both_ways) for one in own_synonyms(session)]
        kept = thesaurus((*own, *shipped()))
        with _lock:
            _kept.clear()
            _kept[token] = kept
    return kept


def own_synonyms(session: Session) -> Sequence[Synonym]:
    """What staff have added, the newest first."""
    asked = select_rows(Synonym).where(col(Synonym.removed_at).is_(None))
    return session.exec(asked.order_by(col(Synonym.added_at).desc(), col(Synonym.id).desc())).all()


def add_synonym(
    session: Session, *, words: Sequence[str], means: Sequence[str], both_ways: bool, by: str, now: datetime
) -> Synonym:
    """From now on who asks for one of `words` is also answered by `means`. `Invalid` names the field at fault."""
    problems = [*_wrong("words", words), *_wrong("means", means)]
    if not problems and {understand(word).text for word in words} & {understand(word).text for word in means}:
        problems.append(FieldProblem("means", "same", Message("This is the same word on both sides.")))
    if problems:
        raise Invalid(Message("Please look at the fields marked below. Nothing was changed."), problems=problems)
    added = Synonym(words=list(words), means=list(means), both_ways=both_ways, added_at=now, added_by=by)
    session.add(added)
    session.flush()
    _changed(session)
    return added


def remove_synonym(session: Session, *, synonym_id: int, by: str, now: datetime) -> Synonym:
    """It holds no longer; `restore_synonym` brings it back."""
    found = _found(session, synonym_id)
    if found.removed_at is None:
        found.removed_at, found.removed_by = now, by
        session.add(found)
        session.flush()
        _changed(session)
    return found


def restore_synonym(session: Session, *, synonym_id: int) -> Synonym:
    """It holds again."""
    found = _found(session, synonym_id)
    found.removed_at, found.removed_by = None, None
    session.add(found)
    session.flush()
    _changed(session)
    return found


def _found(session: Session, synonym_id: int) -> Synonym:
    found = session.get(Synonym, synonym_id)
    if found is None:
        raise NotFound
    return found


def _wrong(field: str, words: Sequence[str]) -> list[FieldProblem]:
    if not words:
        return [FieldProblem(field, "missing", Message("Write at least one word."))]
    if len(words) > MOST:
        return [FieldProblem(field, "too_many", Message("At most %(count)s words, please.", count=MOST))]
    for word in words:
        if len(word) > LONGEST:
            return [FieldProblem(field, "too_long", Message("At most %(count)s characters a word.", count=LONGEST))]
        if not understand(word).words:
            return [FieldProblem(field, "no_word", Message("“%(word)s” has nothing to search for.", word=word))]
    return []


def _changed(session: Session) -> None:
    hold(session)
    session.execute(update(STATE).values(words=new_token(size=16)))
