"""The way of a manuscript: handed in, approved, given back with a word, taken back, taken down, put away, taken up."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from portal.kit.errors import Conflict, FieldProblem, Forbidden, Invalid
from portal.kit.i18n import Locale, Message
from portal.studio import rules
from portal.studio.going_out import take_down
from portal.studio.manuscripts import Writing, live_text, note_act, writing_for_change
from portal.studio.rules import Person

LONGEST_NOTE = 2_000


def act(
    session: Session, *, key: str, locale: Locale, act: str, person: Person, base: int, now: datetime, note: str = ""
) -> Writing:
    """Do `act` (all of `rules.FROM` but publishing) with revision `base`, which the person has before them.

    Raises `Conflict` where that is not the newest text or the act is not possible as it stands, `Forbidden` where it is
    not for this person, `Invalid` where a word of why is missing.
    """
    found = allowed(session, key=key, locale=locale, act=act, person=person, base=base)
    note = note.strip()[:LONGEST_NOTE]
    if act == "give_back" and not note:
        said = Message("Say what is to be changed, so that the writer knows what to do.")
        raise Invalid(said, problems=[FieldProblem("note", "missing", said)])
    if act == "unpublish":
        take_down(session, found, person=person, now=now, note=note)
        return found
    found.manuscript.state = rules.TO[act]
    found.manuscript.acting_at = None
    if act == "put_away":
        found.manuscript.release_id = None
    found.manuscript.changed_at = now
    session.add(found.manuscript)
    note_act(session, found, act, person=person, now=now, note=note)
    session.flush()
    return found


def allowed(session: Session, *, key: str, locale: Locale, act: str, person: Person, base: int) -> Writing:
    """The manuscript, where `person` may do `act` with it now."""
    found = writing_for_change(session, key, locale)
    if not person.may_write:
        raise Forbidden(Message("Your role lets you read here, and not change anything."))
    if found.revision.number != base:
        raise Conflict(Message("Somebody saved a newer text meanwhile. Please look at it first; nothing was changed."))
    manuscript, is_out = found.manuscript, live_text(session, key, locale) is not None
    if act not in rules.acts(manuscript.state, person=person, written_by=manuscript.written_by, is_out=is_out):
        if act in ("approve", "give_back", "publish") and not person.may_approve(found.manuscript.written_by):
            raise Forbidden(Message("Somebody else has to approve what you wrote."))
        raise Conflict(Message("This is not possible as the text stands now. Please look at the page again."))
    return found
