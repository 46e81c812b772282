"""How a customer's people are getting on with one checklist: everybody against every step done person by person.

One run is loaded whole and looked at in memory, so a hundred people cost as many queries as one.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.accounts.invitations import newest, state_of
from portal.accounts.models import Member, Visit
from portal.checklists.catalog import catalog
from portal.checklists.definition import Account, Role, Step
from portal.checklists.runs import Run, is_identified, load_runs
from portal.checklists.state import RunState, state_of_run
from portal.events.models import EventDay
from portal.kit.errors import NotFound


@dataclass(frozen=True)
class Person:
    """One colleague. `done` are the steps their part of which is done, `asked` those that ask for it at all;
    `is_invited`: they were never here, and an invitation is on its way."""

    id: int
    name: str
    role: str
    done: frozenset[str]
    asked: frozenset[str]
    last_seen: datetime | None
    is_invited: bool


@dataclass(frozen=True)
class Team:
    """Everyone now active of a customer, by name, in one checklist.

    `state` is the customer's own; `steps` are those done person by person; `keys` every checklist there is to look at.
    """

    state: RunState
    steps: tuple[Step, ...]
    people: tuple[Person, ...]
    choices: tuple[tuple[str, RunState], ...]

    @property
    def missing(self) -> int:
        """How many were never here."""
        return sum(person.last_seen is None for person in self.people)


def team_of(session: Session, *, account_id: int, key: str, now: datetime, zone: ZoneInfo) -> Team | None:
    """The team in checklist `key` ("" for the first); None where the customer has no checklist, `NotFound` where it is
    not enrolled in this one."""
    known = catalog(session)
    order = {published.key: number for number, published in enumerate(known.live)}
    runs = load_runs(session, known, accounts=[account_id])
    runs.sort(key=lambda run: order.get(run.published.key, len(order)))
    if not runs:
        if key:
            raise NotFound
        return None
    run = next((run for run in runs if run.published.key == key or not key), None)
    if run is None:
        raise NotFound
    states = {one.published.key: state_of_run(session, one, now=now, zone=zone) for one in runs}
    steps = tuple(step for step in run.published.definition.steps if not isinstance(step.scope, Account))
    active = [
        one
        for one in run.members
        if is_identified(one) and one.joined_at <= now and (one.left_at is None or one.left_at > now)
    ]
    seen = last_seen(session, account_id, [one.id or 0 for one in active])
    absent = newest(session, [one.id or 0 for one in active if one.id not in seen])
    invited = {number for number, one in absent.items() if state_of(one, now=now) in ("invited", "opened")}
    return Team(
        state=states[run.published.key],
        steps=steps,
        people=tuple(
            _person(run, steps, one, seen.get(one.id or 0), one.id in invited) for one in sorted(active, key=_by_name)
        ),
        choices=tuple(states.items()),
    )


def last_seen(session: Session, account_id: int, member_ids: Collection[int]) -> dict[int, datetime]:
    """When each of these people last did anything here or in the product; those who never did are missing."""
    happened = (
        select(col(EventDay.member_id), func.max(col(EventDay.last_at)))
        .where(col(EventDay.account_id) == account_id, col(EventDay.member_id).in_(member_ids))
        .group_by(col(EventDay.member_id))
    )
    visited = (
        select(col(Visit.member_id), func.max(col(Visit.last_seen_at)))
        .where(col(Visit.member_id).in_(member_ids))
        .group_by(col(Visit.member_id))
    )
    found: dict[int, datetime] = {}
    for query in (happened, visited):
        for member_id, at in session.execute(query):
            found[member_id] = max(at, found.get(member_id, at))
    return found


def _person(run: Run, steps: tuple[Step, ...], member: Member, seen: datetime | None, is_invited: bool) -> Person:
    return Person(
        id=member.id or 0,
        name=member.name or member.email or member.external_id or "",
        role=member.role,
        done=frozenset(step.key for step in steps if (step.key, member.id) in run.completions),
        asked=frozenset(
            step.key for step in steps if not isinstance(step.scope, Role) or step.scope.name == member.role
        ),
        last_seen=seen,
        is_invited=is_invited,
    )


def _by_name(member: Member) -> tuple[str, str, int]:
    return member.name_kana or member.name, member.name, member.id or 0
