"""Who of a customer a mail goes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Member
from portal.checklists.definition import Account as AccountScope
from portal.checklists.definition import AnyMember, Role, Step
from portal.checklists.models import Completion
from portal.kit.db import chunks
from portal.mailing.rules import Whom


@dataclass(frozen=True)
class Someone:
    """A person of a customer who is there. `email_key` is "" where they have no address."""

    member_id: int
    account_id: int
    name: str
    email: str
    email_key: str
    role: str
    locale: str | None


def chosen(
    whom: Whom, people: Sequence[Someone], *, step: Step | None = None, done_by: Collection[int] = ()
) -> list[Someone]:
    """Whom of `people` a mail is for. `step` is the next one open, `done_by` who has done their part of it.

    Where nobody is an admin, everybody is as good; and a step that is the whole company's is lacked by all.
    """
    if whom == "admins":
        return [one for one in people if one.role == "admin"] or list(people)
    if whom == "members" or step is None:
        return list(people)
    if isinstance(step.scope, Role):
        named = step.scope.name
        people = [one for one in people if one.role == named] or people
    if isinstance(step.scope, AccountScope | AnyMember | Role):
        return list(people)
    return [one for one in people if one.member_id not in done_by]


def people_of(session: Session, accounts: Iterable[int], *, now: datetime) -> Mapping[int, list[Someone]]:
    """Everybody of these customers who is there, by customer and then by id."""
    found: defaultdict[int, list[Someone]] = defaultdict(list)
    asked = select(
        col(Member.id),
        col(Member.account_id),
        col(Member.name),
        col(Member.email),
        col(Member.email_key),
        col(Member.role),
        col(Member.locale),
        col(Member.external_id),
    ).where(col(Member.left_at).is_(None) | (col(Member.left_at) > now))
    for some in chunks(sorted(set(accounts))):
        rows = session.connection().execute(asked.where(col(Member.account_id).in_(some)).order_by(col(Member.id)))
        for member_id, account_id, name, email, key, role, locale, external_id in rows:
            if key is not None or external_id is not None:
                found[account_id].append(
                    Someone(member_id or 0, account_id, name, email or "", key or "", role, locale)
                )
    return found


def done_parts(session: Session, runs: Mapping[int, str]) -> Mapping[int, set[int]]:
    """Who has done their part of the step named for each run, by the run's id."""
    found: defaultdict[int, set[int]] = defaultdict(set)
    asked = select(col(Completion.enrollment_id), col(Completion.step_key), col(Completion.member_id)).where(
        col(Completion.member_id).is_not(None), col(Completion.undone_at).is_(None)
    )
    for some in chunks(sorted(runs)):
        for run, step, member in session.connection().execute(asked.where(col(Completion.enrollment_id).in_(some))):
            if runs[run] == step and member is not None:
                found[run].add(member)
    return found


def done_steps(session: Session, runs: Iterable[int]) -> Mapping[int, set[str]]:
    """The steps done for the whole customer in each of these runs."""
    found: defaultdict[int, set[str]] = defaultdict(set)
    asked = select(col(Completion.enrollment_id), col(Completion.step_key)).where(
        col(Completion.member_id).is_(None), col(Completion.undone_at).is_(None)
    )
    for some in chunks(sorted(set(runs))):
        for run, step in session.connection().execute(asked.where(col(Completion.enrollment_id).in_(some))):
            found[run].add(step)
    return found
