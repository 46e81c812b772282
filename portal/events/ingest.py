"""Taking events in: stored once, attributed, counted and handed on, all in the caller's one transaction.

The same message twice, in one batch or in two at the same moment, is one event; the order in which messages arrive and
the batches they come in change nothing about what they add up to. Statements are over whole batches: a hundred events
cost about as many round trips as one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange, Subscribers, gathered
from portal.accounts.models import Member
from portal.events import log, rollups
from portal.events.activity import count_taken
from portal.events.aliases import Named, name_people, refs_of
from portal.events.attribute import (
    Directory,
    Membership,
    Waiting,
    as_recorded,
    list_strangers,
    look_up,
    people_named,
    renamed,
    settle,
    take_nameless,
    take_waiting,
    waiting_people,
)
from portal.events.dialect import is_postgresql, lock_names
from portal.events.identities import Saying, describe_accounts, describe_members, join_by_address
from portal.events.log import Line, fingerprint
from portal.events.models import Event
from portal.events.rollups import Recorded
from portal.events.rules import HAPPENINGS, Incoming
from portal.events.silence import without_the_erased, without_the_erased_by_other_names
from portal.events.sources import portal_source_id
from portal.kit.db import zone_of

INGESTING = "events.ingesting"

subscribers: Subscribers[Sequence[Recorded]] = Subscribers()
"""Who hears of what happened: called with the session, the new events of customers, and now. Subscribed by `main`."""
subscribe = subscribers.subscribe


@dataclass(frozen=True)
class Outcome:
    """What became of a batch. `rejected` are (index in the batch, code)."""

    accepted: int = 0
    duplicates: int = 0
    rejected: tuple[tuple[int, str], ...] = ()


def ingest(
    session: Session,
    incomings: Sequence[Incoming],
    *,
    source_id: int,
    received_at: datetime,
    zone: ZoneInfo,
    from_browser: bool = False,
) -> Outcome:
    """Take in what one source sent. Whoever is named is believed: see `rules.as_seen_by_browser` for who may not be."""
    return ingest_together(
        session, [incomings], source_id=source_id, received_at=received_at, zone=zone, from_browser=from_browser
    )[0]


def ingest_together(
    session: Session,
    requests: Sequence[Sequence[Incoming]],
    *,
    source_id: int,
    received_at: datetime,
    zone: ZoneInfo,
    from_browser: bool = False,
) -> list[Outcome]:
    """The same for what several requests of one source brought: one batch, and an outcome for each of them."""
    fresh = _once(session, [one for request in requests for one in request], source_id, from_browser)
    refused: set[str] = set()
    stored = _Stored({}, [])
    if fresh:
        stored, refused = _take_in(session, list(fresh.values()), source_id, received_at, zone, from_browser)
    outcomes = [_outcome(request, fresh, stored.message_ids, refused) for request in requests]
    _count(session, requests, outcomes, fresh, stored, source_id=source_id, received_at=received_at, zone=zone)
    return outcomes


def record(
    session: Session,
    *,
    account_id: int,
    member_id: int | None,
    name: str,
    at: datetime,
    properties: dict[str, Any],
    message_id: str,
    now: datetime,
    zone: ZoneInfo,
) -> bool:
    """A happening of the portal itself goes the way of every event. False where this `message_id` is on record already:
    give one that says what it is about (`tutorial.completed:12:34`) for what can happen only once."""
    source_id = portal_source_id(session, now=now)
    line = Line(
        fingerprint=fingerprint(source_id, message_id, from_browser=False),
        source_id=source_id,
        message_id=message_id,
        from_browser=False,
        kind="portal",
        name=name,
        at=min(at, now),
        received_at=now,
        account_id=account_id,
        member_id=member_id,
        user_ref=None,
        anonymous_ref=None,
        group_ref=None,
        properties=properties,
    )
    stored = _store(session, [line])
    if stored.message_ids:
        rollups.add_up(session, stored.happened, zone=zone)
        subscribers.tell(session, stored.happened, now=now)
    return bool(stored.message_ids)


def follow_accounts(session: Session, change: AccountChange, now: datetime) -> None:
    """For the composition root to subscribe to changes of accounts, before anybody else: what waited for somebody that
    an import or a form has just made known is attached, and what the erased did stays with their customer."""
    if session.info.get(INGESTING):
        return  # whoever takes a batch in sees to the people named in it, and has more to attach
    account_ids = sorted(change.account_ids)
    rollups.forget_gone_members(session, account_ids)
    attach_waiting(session, account_ids=account_ids, now=now, zone=zone_of(session))


def attach_waiting(session: Session, *, account_ids: Sequence[int], now: datetime, zone: ZoneInfo) -> int:
    """Attach what waits for the people of these customers; how many events found their customer."""
    if is_postgresql(session):
        # Somebody may be storing an event of an unknown person while this transaction makes the person known.
        lock_names(session, _member_refs(session, account_ids))
    people = waiting_people(session, account_ids)
    if not people:
        return 0
    attached = take_waiting(session, people_named(session, people), refs_of(session, people))
    _, joined = _tell_what_waited(session, attached, (), now=now, zone=zone)
    happened = as_recorded(renamed(attached, joined))
    rollups.add_up(session, happened, zone=zone)
    if happened:
        subscribers.tell(session, happened, now=now)
    return len(happened)


# --- steps ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Stored:
    ids: Mapping[str, int]
    happened: list[Recorded]

    @property
    def message_ids(self) -> Collection[str]:
        return self.ids.keys()


def _take_in(
    session: Session,
    batch: Sequence[Incoming],
    source_id: int,
    received_at: datetime,
    zone: ZoneInfo,
    from_browser: bool,
) -> tuple[_Stored, set[str]]:
    """Store and attribute what is new; also who had to be refused, by message id."""
    session.info[INGESTING] = True
    try:
        with gathered(session, now=received_at):
            directory = look_up(session, batch)
            batch = without_the_erased(session, directory, batch)
            known = Named(batch)
            if not from_browser:
                known = name_people(session, directory, batch, source_id=source_id, now=received_at)
            named = known.batch
            if named is not batch:
                directory = look_up(session, named)
                batch, named = without_the_erased_by_other_names(session, directory, batch, named)
            groups = [one for one in named if one.kind == "group"]
            if groups:
                directory.accounts |= describe_accounts(session, groups, now=received_at, zone=zone)
            join_by_address(session, directory, named, now=received_at, zone=zone)
            list_strangers(session, directory, named, now=received_at)
            directory.linked |= known.joined
            recognised = take_nameless(session, directory, known.aliases, now=received_at) if known.aliases else []
            settle(session, directory, named)
            attached = take_waiting(session, directory, {**known.aliases, **refs_of(session, directory.linked)})
            waited = [*recognised, *attached]
            refused, joined = _describe(session, directory, named, waited, now=received_at, zone=zone)
            if joined:
                directory.rename(joined)
                recognised, attached = renamed(recognised, joined), renamed(attached, joined)
            lines = [
                _line(one, directory.owner_of(person), source_id, received_at, from_browser)
                for one, person in zip(batch, named, strict=True)
                if one.message_id not in refused
            ]
            stored = _store(session, lines)
            happened = as_recorded(attached) + stored.happened
            rollups.add_up(session, happened, zone=zone)
            moved = as_recorded(recognised)
            rollups.give_to_members(session, moved, zone=zone)
    finally:
        del session.info[INGESTING]
    if happened or moved:
        subscribers.tell(session, [*moved, *happened], now=received_at)
    return stored, refused


def _count(
    session: Session,
    requests: Sequence[Sequence[Incoming]],
    outcomes: Sequence[Outcome],
    fresh: Mapping[str, Incoming],
    stored: _Stored,
    *,
    source_id: int,
    received_at: datetime,
    zone: ZoneInfo,
) -> None:
    """Keep the daily figures of the source: last of all, since its row is what other batches of it wait for."""
    taken = [(new, fresh[key].name, fresh[key].at) for key, new in stored.ids.items()]
    duplicates: list[str] = []
    if any(outcome.duplicates for outcome in outcomes):
        left = Counter(one.message_id for request in requests for one in request)
        left.subtract(stored.ids.keys())
        for request, outcome in zip(requests, outcomes, strict=True):
            left.subtract(request[index].message_id for index, _ in outcome.rejected)
        duplicates = list(left.elements())
    rejected = Counter(code for outcome in outcomes for _, code in outcome.rejected)
    count_taken(
        session,
        source_id,
        taken,
        duplicates=duplicates,
        rejected=rejected,
        received_at=received_at,
        zone=zone,
    )


def _outcome(
    request: Sequence[Incoming], fresh: Mapping[str, Incoming], stored: Collection[str], refused: Collection[str]
) -> Outcome:
    """What became of one request's messages; of several with one id only the first can be accepted or rejected."""
    firsts = [(index, one.message_id) for index, one in enumerate(request) if fresh.get(one.message_id) is one]
    rejected = tuple((index, "email_taken") for index, message_id in firsts if message_id in refused)
    accepted = sum(message_id in stored for _, message_id in firsts)
    return Outcome(accepted, len(request) - accepted - len(rejected), rejected)


def _once(session: Session, incomings: Sequence[Incoming], source_id: int, from_browser: bool) -> dict[str, Incoming]:
    """The first of each message id, without those that are on record if the batch tells who somebody is: an old
    `identify` sent again must not undo a newer one. For all others the insert itself finds out."""
    fresh: dict[str, Incoming] = {}
    for one in incomings:
        fresh.setdefault(one.message_id, one)
    if any(one.kind not in HAPPENINGS for one in incomings):
        known = [fingerprint(source_id, message_id, from_browser=from_browser) for message_id in fresh]
        asked = select(col(Event.message_id)).where(col(Event.fingerprint).in_(sorted(known)))
        for message_id in session.connection().scalars(asked):
            del fresh[message_id]
    return fresh


def _describe(
    session: Session,
    directory: Directory,
    batch: Sequence[Incoming],
    attached: Sequence[tuple[Waiting, Membership]],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[set[str], dict[int, int]]:
    sayings = []
    for one in batch:
        if one.kind == "identify" and one.user_ref is not None:
            account_id, member_id = directory.owner_of(one)
            if account_id is not None and member_id is not None:
                sayings.append(Saying(one.message_id, one.at, account_id, member_id, one.user_ref, one.properties))
    return _tell_what_waited(session, attached, sayings, now=now, zone=zone)


def _tell_what_waited(
    session: Session,
    attached: Sequence[tuple[Waiting, Membership]],
    sayings: Sequence[Saying],
    *,
    now: datetime,
    zone: ZoneInfo,
) -> tuple[set[str], dict[int, int]]:
    """Tell what is said now together with what was said while nobody knew whom it was about; who was refused now, and
    who turned out to be one with another member."""
    waited = [(one, home) for one, home in attached if one.kind == "identify"]
    old = [
        Saying(f"#{one.id}", one.at, home.account_id, home.member_id, one.person, one.properties)
        for one, home in waited
    ]
    if not old and not sayings:
        return set(), {}
    refused, joined = describe_members(session, [*old, *sayings], now=now, zone=zone)
    if waited:
        told = update(Event).where(col(Event.id).in_([one.id for one, _ in waited]))
        session.connection().execute(told.values({"properties": {}}))
    return refused & {saying.message_id for saying in sayings}, joined


def _line(
    one: Incoming, owner: tuple[int | None, int | None], source_id: int, received_at: datetime, from_browser: bool
) -> Line:
    account_id, member_id = owner
    keeps = one.kind in HAPPENINGS or (one.kind == "identify" and member_id is None)
    return Line(
        fingerprint=fingerprint(source_id, one.message_id, from_browser=from_browser),
        source_id=source_id,
        message_id=one.message_id,
        from_browser=from_browser,
        kind=one.kind,
        name=one.name,
        at=one.at,
        received_at=received_at,
        account_id=account_id,
        member_id=member_id,
        user_ref=one.user_ref,
        anonymous_ref=one.anonymous_ref,
        group_ref=one.group_ref,
        properties=one.properties if keeps else {},
    )


def _store(session: Session, lines: Sequence[Line]) -> _Stored:
    if not lines:
        return _Stored({}, [])
    ids = log.write(session, lines)
    new = [line for line in lines if line.fingerprint in ids]
    happened = [
        Recorded(
            id=ids[line.fingerprint],
            account_id=line.account_id,
            member_id=line.member_id,
            name=line.name,
            at=line.at,
            source_id=line.source_id,
            message_id=line.message_id,
            properties=line.properties,
        )
        for line in new
        if line.account_id is not None and line.kind in HAPPENINGS
    ]
    return _Stored({line.message_id: ids[line.fingerprint] for line in new}, happened)


def _member_refs(session: Session, account_ids: Iterable[int]) -> set[str]:
    asked = select(col(Member.external_id)).where(col(Member.account_id).in_(sorted(account_ids)))
    return {ref for ref in session.connection().scalars(asked) if ref is not None}
