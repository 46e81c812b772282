"""Who is meant by an id that is not yet a person's own: anonymous ids, and whatever else an alias joins to somebody.

A server says so with `alias`, or with an `identify` that names both. What it said is kept as it was said, and who is
meant is found by following it to its ends: one end is that person, two are nobody in particular (a shared machine).
So the order in which things are said does not matter, and saying them again changes nothing. An id under which a
member is listed means that member, whatever else is said of it: where ids mean one another, whoever is listed under one
in between before it is said whom it means stays listed so. A browser's word is never asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.events.attribute import Directory, people_named
from portal.events.dialect import dialect_of, insert_ignoring, is_postgresql, lock_names
from portal.events.models import Alias
from portal.events.rules import Incoming
from portal.kit.db import chunks

ENDS = 8
"""How many people one id is kept to mean: beyond one it is nobody's already, and a constant id would mean them all."""
LONGEST = 16
"""How far an alias of an alias is followed."""


def name_people(
    session: Session, directory: Directory, batch: Sequence[Incoming], *, source_id: int, now: datetime
) -> tuple[Sequence[Incoming], set[str]]:
    """The batch with everybody called by the id they are known by; also the ids of which it says something new.

    What it says is kept first, so that it counts for its own messages too. Nothing is asked of the database for a
    batch that names none but listed people.
    """
    said = links_in(batch)
    strangers = {ref for one in batch if (ref := own_ref(one)) is not None and ref not in directory.people}
    if not said and not strangers:
        return batch, set()
    if is_postgresql(session):
        # Another transaction may be joining one of these ids to somebody while this one stores what it did.
        unsettled = {own_ref(one) for one in batch if one.group_ref is None or one.user_ref is None}
        lock_names(session, {ref for link in said for ref in link} | (strangers & unsettled))
    news = _keep(session, said, source_id=source_id, now=now) if said else set()
    meant = people_meant(session, strangers)
    named = [replace(one, user_ref=meant[ref]) if (ref := own_ref(one)) in meant else one for one in batch]
    return named, news


def known_now(session: Session, news: set[str]) -> dict[str, str]:
    """Every id of which it has become certain whom it means, by what was just said of `news`."""
    return people_meant(session, news | aliases_of(session, news)) if news else {}


def own_ref(one: Incoming) -> str | None:
    """What a message calls the person it is about: for an alias this is who is meant, not the alias."""
    return one.user_ref if one.user_ref is not None or one.kind == "alias" else one.anonymous_ref


def links_in(batch: Iterable[Incoming]) -> list[tuple[str, str]]:
    """(an id, the person it means) wherever a message says so."""
    return [
        (one.anonymous_ref, one.user_ref)
        for one in batch
        if one.kind in ("alias", "identify")
        and one.anonymous_ref is not None
        and one.user_ref is not None
        and one.anonymous_ref != one.user_ref
    ]


def people_meant(session: Session, refs: Collection[str]) -> dict[str, str]:
    """Of each of these ids that means one other person: who that is."""
    links: dict[str, set[str]] = {}
    frontier = set(refs)
    for _ in range(LONGEST):
        found = _links(session, col(Alias.ref), frontier)
        if not found:
            break
        listed = people_named(session, found.keys()).people
        links |= {ref: ends for ref, ends in found.items() if ref not in listed}
        frontier = set[str]().union(*found.values()) - links.keys()
    ends = {ref: _ends(ref, links) for ref in refs if ref in links}
    return {ref: next(iter(one)) for ref, one in ends.items() if len(one) == 1}


def aliases_of(session: Session, people: Collection[str]) -> set[str]:
    """Every id that may mean one of these people, by however many steps; they themselves are not among them."""
    known: set[str] = set()
    frontier = set(people)
    for _ in range(LONGEST):
        frontier = set(_links(session, col(Alias.person), frontier)) - known
        if not frontier:
            break
        known |= frontier
    return known - set(people)


def refs_of(session: Session, people: Collection[str]) -> dict[str, str]:
    """Every id that means one of these people now, theirs included, and whom."""
    if not people:
        return {}
    return people_meant(session, aliases_of(session, people)) | {person: person for person in people}


def _keep(session: Session, said: Sequence[tuple[str, str]], *, source_id: int, now: datetime) -> set[str]:
    """Remember what is new of this; the ids that may mean somebody else than before."""
    refs = sorted({ref for ref, _ in said})
    listed = people_named(session, refs).people
    room = dict.fromkeys(refs, ENDS)
    for some in chunks(refs):
        count = select(col(Alias.ref), func.count()).where(col(Alias.ref).in_(some)).group_by(col(Alias.ref))
        room |= {ref: ENDS - kept for ref, kept in session.connection().execute(count)}
    rows: list[dict[str, Any]] = []
    for ref, person in sorted(set(said)):
        if ref not in listed and room[ref] > 0:
            room[ref] -= 1
            rows.append({"ref": ref, "person": person, "source_id": source_id, "created_at": now})
    if not rows:
        return set()
    adding = insert_ignoring(dialect_of(session), Alias, Alias.ref)
    return {ref for (ref,) in session.connection().execute(adding, rows)}


def _ends(ref: str, links: Mapping[str, set[str]]) -> set[str]:
    """Where the links that begin at `ref` end; those that run in a circle end nowhere."""
    ends, seen, frontier = set[str](), {ref}, {ref}
    while frontier:
        onward = set[str]().union(*(links[one] for one in frontier if one in links))
        ends |= {one for one in frontier if one not in links}
        frontier = onward - seen
        seen |= frontier
    return ends


def _links(session: Session, by: Any, refs: Collection[str]) -> dict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for some in chunks(sorted(refs)):
        asked = select(col(Alias.ref), col(Alias.person)).where(by.in_(some))
        for ref, person in session.connection().execute(asked):
            assert ref is not None
            assert person is not None
            found[ref].add(person)
    return dict(found)
