"""What the event log holds of one person: given out, or taken away. The events stay, and nobody is named by them.

Looked through are the customer's events and those that belong to nobody yet; what stands in another customer's data is
that customer's, who may have the same person among its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update
from sqlmodel import Session, col

from portal.accounts.inserts import table_of
from portal.accounts.personal import Person
from portal.accounts.tombstones import bury
from portal.accounts.traces import Traces
from portal.events import rollups
from portal.events.aliases import refs_of
from portal.events.export import as_object
from portal.events.models import Alias, Event, RefusedDelivery, TurnedAway
from portal.events.reads import EventFilters, every_event
from portal.kit.db import chunks
from portal.kit.sql import mentions

NAMELESS: Mapping[str, None] = {"member_id": None, "user_ref": None, "anonymous_ref": None}


def held(session: Session, person: Person) -> dict[str, Any]:
    """Everything the person did, as other systems read it."""
    filters = EventFilters(members=[(person.account_id, person.member_id)])
    others = _other_ids(session, person)
    return {"other_ids": others, "events": [as_object(one) for one in every_event(session, filters)]}


def erase(session: Session, person: Person, now: datetime) -> None:
    """Take the person out of events, out of what waits for them, and out of what was turned away.

    What they did under other ids is theirs too; unless they are in another customer as well, those ids mean nobody
    from now on, and late events name them in vain.
    """
    others = _other_ids(session, person)
    person = replace(person, traces=Traces((*person.traces.identifiers, *others)))
    theirs = col(Event.account_id) == person.account_id
    places = [theirs] if person.is_elsewhere else [theirs, col(Event.account_id).is_(None)]
    where: list[ColumnElement[bool]] = [and_(theirs, col(Event.member_id) == person.member_id)]
    for some in chunks([person.external_id, *others] if person.external_id is not None else []):
        by_anonymous = and_(col(Event.user_ref).is_(None), col(Event.anonymous_ref).in_(some))
        where += [and_(place, or_(col(Event.user_ref).in_(some), by_anonymous)) for place in places]
    for mine in where:
        _scrub(session, person, mine)
        session.connection().execute(update(Event).where(mine).values(NAMELESS))
    _scrub(session, person, theirs)
    for some in chunks(others):
        remarked = update(Event).where(or_(*places), col(Event.anonymous_ref).in_(some))
        session.connection().execute(remarked.values(anonymous_ref=None))
    rollups.forget_gone_members(session, [person.account_id])
    if person.external_id is not None and not person.is_elsewhere:
        for ref in others:
            bury(session, account_id=person.account_id, external_id=ref, now=now)
        gone = [person.external_id, *others]
        for some in chunks(gone):
            known = or_(col(Alias.ref).in_(some), col(Alias.person) == person.external_id)
            session.connection().execute(delete(Alias).where(known))
    for table, texts in (
        (TurnedAway, (TurnedAway.sample,)),
        (RefusedDelivery, (RefusedDelivery.webhook_id, RefusedDelivery.type)),
    ):
        _forget_mentions(session, person, table, texts)


def _other_ids(session: Session, person: Person) -> list[str]:
    """The ids that mean this person and nobody else."""
    if person.external_id is None:
        return []
    return sorted(refs_of(session, [person.external_id]).keys() - {person.external_id})


def _scrub(session: Session, person: Person, where: ColumnElement[bool]) -> None:
    """Write the properties and message ids anew that name the person; an `identify` that waits tells of nobody else."""
    texts = (col(Event.properties), col(Event.message_id))
    named = or_(*(mentions(text, needle) for text in texts for needle in person.traces.needles))
    asked = select(col(Event.id), col(Event.kind), col(Event.message_id), col(Event.properties)).where(where, named)
    changes = []
    for event_id, kind, message_id, properties in session.connection().execute(asked).all():
        kept = {} if kind == "identify" else person.traces.scrubbed(properties)
        is_named = person.traces.out_of(str(message_id)) != message_id
        key = f"erased:{event_id}" if is_named else message_id
        if (kept, key) != (properties, message_id):
            changes.append({"event_id": event_id, "new_properties": kept, "new_message_id": key})
    writing = (
        update(table_of(Event))
        .where(table_of(Event).c.id == bindparam("event_id"))
        .values(properties=bindparam("new_properties"), message_id=bindparam("new_message_id"))
    )
    for some in chunks(changes):
        session.connection().execute(writing, some)


def _forget_mentions(session: Session, person: Person, table: Any, texts: Sequence[Any]) -> None:
    """Delete the rows that name the person: they are notes for a few days, and nothing counts on them."""
    named = or_(*(mentions(col(text), needle) for text in texts for needle in person.traces.needles))
    columns = [col(text) for text in texts]
    found = [
        row_id
        for row_id, *said in session.connection().execute(select(col(table.id), *columns).where(named))
        if any(_names(person, text) for text in said if text)
    ]
    for some in chunks(found):
        session.connection().execute(delete(table).where(col(table.id).in_(some)))


def _names(person: Person, text: str) -> bool:
    """Whether a text names the person; a sample is JSON, cut off somewhere, so it is read as it is meant too."""
    meant = text.replace('\\"', '"').replace("\\\\", "\\")
    return any(person.traces.out_of(one) != one for one in (text, meant))
