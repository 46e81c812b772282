"""Who is meant by an id that is not yet a person's own: anonymous ids, and whatever else an alias joins to somebody.

A server says so with `alias`, or with an `identify` that names both. What it said is kept as it was said, and who is
meant is found by following it to its ends: one end is that person, two are nobody in particular (a shared machine).
Whoever was listed under an id before it was said whom it means becomes one with that person, so the order in which
things are said does not matter, and saying them again changes nothing. Only who can be told by more than the id, by an
address or since they have signed in, is somebody and stays so, whatever is said of the id. A browser's word is never
asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, or_, select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member, Visit
from portal.accounts.one_person import join_people
from portal.accounts.people import member_by_id, stub_member
from portal.accounts.service import lock_accounts
from portal.events.attribute import Directory, people_named
from portal.events.dialect import dialect_of, insert_ignoring, is_postgresql, lock_names
from portal.events.models import Alias
from portal.events.rules import Incoming
from portal.kit.db import chunks

ENDS = 8
"""How many people one id is kept to mean: beyond one it is nobody's already, and a constant id would mean them all."""
LONGEST = 16
"""How far an alias of an alias is followed."""


@dataclass(frozen=True)
class Named:
    """A batch with everybody called by the id they are known by. `aliases` are the ids of which it has become certain
    whom they mean, by what it says; `joined` the people who became one with somebody listed under such an id."""

    batch: Sequence[Incoming]
    aliases: Mapping[str, str] = field(default_factory=dict)
    joined: Set[str] = frozenset()


def name_people(
    session: Session, directory: Directory, batch: Sequence[Incoming], *, source_id: int, now: datetime
) -> Named:
    """What the batch says is kept first, so that it counts for its own messages too. Nothing is asked of the database
    for a batch that names none but listed people."""
    said = links_in(batch)
    strangers = {ref for one in batch if (ref := own_ref(one)) is not None and ref not in directory.people}
    if not said and not strangers:
        return Named(batch)
    if is_postgresql(session):
        # Another transaction may be saying whom one of these ids means while this one lists it or stores what it did.
        lock_names(session, {ref for link in said for ref in link} | strangers)
    aliases: Mapping[str, str] = {}
    if news := _keep(session, said, source_id=source_id, now=now):
        aliases = people_meant(session, news | aliases_of(session, news))
    doubles = _join_doubles(session, aliases, now=now)
    meant = people_meant(session, strangers | doubles)
    named = [replace(one, user_ref=meant[ref]) if (ref := own_ref(one)) in meant else one for one in batch]
    return Named(named, aliases, {aliases[ref] for ref in doubles})


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
        somebody = _somebody(session, found.keys())
        links |= {ref: ends for ref, ends in found.items() if ref not in somebody}
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
    if not said:
        return set()
    refs = sorted({ref for ref, _ in said})
    somebody = _somebody(session, refs)
    room = dict.fromkeys(refs, ENDS)
    for some in chunks(refs):
        count = select(col(Alias.ref), func.count()).where(col(Alias.ref).in_(some)).group_by(col(Alias.ref))
        room |= {ref: ENDS - kept for ref, kept in session.connection().execute(count)}
    rows: list[dict[str, Any]] = []
    for ref, person in sorted(set(said)):
        if ref not in somebody and room[ref] > 0:
            room[ref] -= 1
            rows.append({"ref": ref, "person": person, "source_id": source_id, "created_at": now})
    if not rows:
        return set()
    adding = insert_ignoring(dialect_of(session), Alias, Alias.ref)
    return {ref for (ref,) in session.connection().execute(adding, rows)}


def _join_doubles(session: Session, aliases: Mapping[str, str], *, now: datetime) -> set[str]:
    """Make those who are listed under one of these ids one with whom it means; the ids of those there were."""
    listed = people_named(session, aliases).people
    if not listed:
        return set()
    doubles = sorted((one.account_id, one.member_id, ref) for ref, known in listed.items() for one in known)
    # All of them before the first, and in order: two batches must not wait for each other in a circle.
    lock_accounts(session, sorted({account_id for account_id, _, _ in doubles}))
    for account_id, member_id, ref in doubles:
        gone = member_by_id(session, account_id, member_id)
        if gone is not None and gone.external_id == ref:
            account = session.get_one(Account, account_id)
            keep = stub_member(session, account, aliases[ref], now=now, joined_at=gone.joined_at)
            join_people(session, keep=keep, gone=gone, now=now)
    return set(listed)


def _somebody(session: Session, refs: Collection[str]) -> set[str]:
    """Those of these ids under which somebody is listed who can be told by more than the id."""
    found = set[str]()
    has_signed_in = select(col(Visit.id)).where(col(Visit.member_id) == col(Member.id)).exists()
    for some in chunks(sorted(refs)):
        asked = select(col(Member.external_id)).where(
            col(Member.external_id).in_(some), or_(col(Member.email_key).is_not(None), has_signed_in)
        )
        found |= {ref for ref in session.connection().scalars(asked) if ref is not None}
    return found


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
