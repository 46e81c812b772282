"""Whose event it is: from what senders call companies and people to our customers and their members.

The customer is the group an event names, else the only customer its person belongs to. Whoever is named together for
the first time is listed at once. What names a person of whom nothing is known waits, and is attached as soon as
anybody says where that person belongs. It counts at its own time then, as if its sender had known all along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import or_, select, update
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.accounts.people import stub_member
from portal.accounts.service import stub_account
from portal.events.dialect import is_postgresql, lock_names
from portal.events.models import NAMELESS, Alias, Event
from portal.events.rollups import Recorded
from portal.events.rules import HAPPENINGS
from portal.kit.db import chunks
from portal.kit.prepared import Prepared
from portal.kit.sql import among


class Naming(Protocol):
    """Anything that names a company, a person, or both, at a moment."""

    @property
    def user_ref(self) -> str | None: ...
    @property
    def group_ref(self) -> str | None: ...
    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class Membership:
    """A person in one customer; `left_at` is when they left it."""

    account_id: int
    member_id: int
    left_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A stored message that had nobody to belong to, or a customer but nobody of it."""

    id: int
    source_id: int
    message_id: str
    kind: str
    name: str
    at: datetime
    properties: dict[str, Any]
    account_id: int | None
    person: str
    """By the id they are known by, whatever the message called them."""


@dataclass
class Directory:
    """What is known of the names in one batch. `linked` are the people of whom a new membership came to light in it."""

    accounts: dict[str, int] = field(default_factory=dict)
    people: dict[str, list[Membership]] = field(default_factory=dict)
    linked: set[str] = field(default_factory=set)

    def owner_of(self, naming: Naming) -> tuple[int | None, int | None]:
        """The customer and the member it belongs to, as far as that is certain."""
        if naming.group_ref is not None:
            account_id = self.accounts[naming.group_ref]
            within = self.membership(naming.user_ref, account_id)
            return account_id, within.member_id if within else None
        only = self.only_membership(naming.user_ref, naming.at)
        return (only.account_id, only.member_id) if only else (None, None)

    def membership(self, user_ref: str | None, account_id: int) -> Membership | None:
        """This person in this customer."""
        for one in self.people.get(user_ref, ()) if user_ref is not None else ():
            if one.account_id == account_id:
                return one
        return None

    def only_membership(self, user_ref: str | None, at: datetime) -> Membership | None:
        """Where this person was at `at`, if that was one place; whoever has left still belongs to the only one."""
        known = self.people.get(user_ref, ()) if user_ref is not None else ()
        then = [one for one in known if one.left_at is None or one.left_at > at] or known
        return then[0] if len(then) == 1 else None

    def rename(self, joined: Mapping[int, int]) -> None:
        """Those who turned out to be one with another member are that member."""
        for ref, known in self.people.items():
            self.people[ref] = [replace(one, member_id=joined.get(one.member_id, one.member_id)) for one in known]


def renamed(taken: Iterable[tuple[Waiting, Membership]], joined: Mapping[int, int]) -> list[tuple[Waiting, Membership]]:
    """The same for messages and whose they are."""
    return [(one, replace(home, member_id=joined.get(home.member_id, home.member_id))) for one, home in taken]


def look_up(session: Session, names: Sequence[Naming]) -> Directory:
    """What is known of everybody named, in two queries however many they are."""
    groups = {one.group_ref for one in names if one.group_ref is not None}
    users = {one.user_ref for one in names if one.user_ref is not None}
    directory = Directory()
    if groups:
        directory.accounts = dict(_ACCOUNTS.all(session, {"refs": sorted(groups)}))
    _look_up_people(session, directory, users)
    return directory


def list_strangers(session: Session, directory: Directory, names: Sequence[Naming], *, now: datetime) -> None:
    """Make a stub of every company and person not known yet that is named with its company.

    A person counts as joined when they first did something. Accounts come before members and both in order, so that
    two batches with the same strangers wait for each other in one direction only.
    """
    for ref in sorted({one.group_ref for one in names if one.group_ref} - directory.accounts.keys()):
        account = stub_account(session, ref, now=now)
        assert account.id is not None
        directory.accounts[ref] = account.id
    strangers: dict[tuple[int, str], datetime] = {}
    for one in names:
        if one.group_ref is not None and one.user_ref is not None:
            account_id = directory.accounts[one.group_ref]
            if directory.membership(one.user_ref, account_id) is None:
                key = (account_id, one.user_ref)
                strangers[key] = min(strangers.get(key, one.at), one.at)
    _list_people(session, directory, strangers, now=now)


def settle(session: Session, directory: Directory, names: Sequence[Naming]) -> None:
    """Make sure that nobody who is about to be left waiting is being given a home by another transaction.

    One stores an event of an unknown person, another says at that moment where the person belongs: without the lock
    neither would see the other's row, and the event would wait for ever.
    """
    homeless = {
        one.user_ref
        for one in names
        if one.group_ref is None and one.user_ref is not None and one.user_ref not in directory.people
    }
    if is_postgresql(session):
        lock_names(session, homeless | directory.linked)
        _look_up_people(session, directory, homeless)


def take_waiting(session: Session, directory: Directory, refs: Mapping[str, str]) -> list[tuple[Waiting, Membership]]:
    """The waiting messages of these people whose customer is certain now; they are marked as theirs.

    `refs` is every id by which they may have been called, and who that is.
    """
    waiting = _said_by(session, refs, col(Event.user_ref), col(Event.account_id).is_(None))
    aliases = {ref: person for ref, person in refs.items() if ref != person}
    waiting += _said_by(session, aliases, col(Event.anonymous_ref), NAMELESS, col(Event.account_id).is_(None))
    homes = [(one, directory.only_membership(one.person, one.at)) for one in waiting]
    taken = [(one, home) for one, home in homes if home is not None]
    mark_as_theirs(session, taken)
    return taken


def take_nameless(
    session: Session, directory: Directory, aliases: Mapping[str, str], *, now: datetime
) -> list[tuple[Waiting, Membership]]:
    """What is on record of a customer without saying by whom, and turns out to be by these people; marked as theirs."""
    found = _said_by(session, aliases, col(Event.anonymous_ref), NAMELESS, col(Event.account_id).is_not(None))
    strangers: dict[tuple[int, str], datetime] = {}
    for one in found:
        assert one.account_id is not None
        if directory.membership(one.person, one.account_id) is None:
            key = (one.account_id, one.person)
            strangers[key] = min(strangers.get(key, one.at), one.at)
    _list_people(session, directory, strangers, now=now)
    homes = [(one, directory.membership(one.person, one.account_id or 0)) for one in found]
    taken = [(one, home) for one, home in homes if home is not None]
    mark_as_theirs(session, taken)
    return taken


def mark_as_theirs(session: Session, taken: Iterable[tuple[Waiting, Membership]]) -> None:
    """Write down whose these messages are."""
    homes: dict[tuple[int, int], list[int]] = {}
    for waiting, home in taken:
        homes.setdefault((home.account_id, home.member_id), []).append(waiting.id)
    for (account_id, member_id), ids in sorted(homes.items()):
        for some in chunks(ids, 1000):
            belong = update(Event).where(col(Event.id).in_(some))
            session.connection().execute(belong.values({"account_id": account_id, "member_id": member_id}))


def as_recorded(taken: Iterable[tuple[Waiting, Membership]]) -> list[Recorded]:
    """Those of them that tell of something done."""
    return [
        Recorded(
            id=one.id,
            account_id=home.account_id,
            member_id=home.member_id,
            name=one.name,
            at=one.at,
            source_id=one.source_id,
            message_id=one.message_id,
            properties=one.properties,
        )
        for one, home in taken
        if one.kind in HAPPENINGS
    ]


def waiting_people(session: Session, account_ids: Sequence[int]) -> set[str]:
    """The people of these customers for whom something may wait, by their own id or by another that means them."""
    waits = select(col(Event.id)).where(col(Event.account_id).is_(None), col(Event.user_ref) == col(Member.external_id))
    others = select(col(Alias.ref)).where(col(Alias.person) == col(Member.external_id))
    asked = select(col(Member.external_id)).where(
        col(Member.account_id).in_(account_ids), or_(waits.exists(), others.exists())
    )
    return {ref for ref in session.connection().scalars(asked) if ref is not None}


def people_named(session: Session, refs: Iterable[str]) -> Directory:
    """A directory of these people alone."""
    directory = Directory()
    _look_up_people(session, directory, set(refs))
    return directory


_WAITING: tuple[Any, ...] = (
    Event.id,
    Event.source_id,
    Event.message_id,
    Event.kind,
    Event.name,
    Event.at,
    Event.properties,
    Event.account_id,
)
_ACCOUNTS = Prepared(select(col(Account.external_id), col(Account.id)).where(among(col(Account.external_id), "refs")))
_PEOPLE = Prepared(
    select(col(Member.external_id), col(Member.account_id), col(Member.id), col(Member.left_at))
    .where(among(col(Member.external_id), "refs"))
    .order_by(col(Member.id))
)


def _said_by(session: Session, refs: Mapping[str, str], ref: Any, *where: Any) -> list[Waiting]:
    """What is on record under these ids in the column `ref`, oldest first, by the people they mean."""
    found = []
    for some in chunks(sorted(refs)):
        asked = select(*(col(column) for column in _WAITING), ref).where(ref.in_(some), *where)
        for *columns, called in session.connection().execute(asked).all():
            columns.append(refs[called])
            found.append(Waiting(*columns))
    return sorted(found, key=lambda one: one.id)


def _list_people(
    session: Session, directory: Directory, strangers: Mapping[tuple[int, str], datetime], *, now: datetime
) -> None:
    """Make a stub of each of these people in their customer, joined when they first did something."""
    for (account_id, ref), joined_at in sorted(strangers.items()):
        account = session.get_one(Account, account_id)
        member = stub_member(session, account, ref, now=now, joined_at=joined_at)
        assert member.id is not None
        directory.people.setdefault(ref, []).append(Membership(account_id, member.id, member.left_at))
        directory.linked.add(ref)


def _look_up_people(session: Session, directory: Directory, refs: set[str]) -> None:
    if not refs:
        return
    found: dict[str, list[Membership]] = {}
    for ref, account_id, member_id, left_at in _PEOPLE.all(session, {"refs": sorted(refs)}):
        found.setdefault(ref, []).append(Membership(account_id, member_id, left_at))
    directory.people |= found
