"""A run as the rules see it: an enrollment with its account, its members and what is done, loaded together.

Loading is set-wise, by account ids: a batch of events costs the same few queries as a single one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account, Member
from portal.checklists.catalog import Catalog, Published
from portal.checklists.models import Completion, Enrollment
from portal.checklists.news import News
from portal.checklists.rules import MemberRun
from portal.kit.db import chunks

AS_STORED = {"populate_existing": True}
"""What the rows hold now, not when this session first saw them: others may have written before we had the lock."""

Place = tuple[str, int | None]
"""A step, and the member whose part it is; None is the account's."""


@dataclass
class Run:
    """One enrollment under the rules of its version."""

    enrollment: Enrollment
    published: Published
    account: Account
    members: list[Member]
    completions: dict[Place, Completion] = field(default_factory=dict)
    undone: dict[Place, datetime] = field(default_factory=dict)
    """Since when what happens counts again, where something was undone."""
    news: list[News] = field(default_factory=list)
    """What has come of it in this transaction and was not told yet."""

    @property
    def done(self) -> dict[str, datetime]:
        """When each step was done for the account, by key."""
        return {step: row.at for (step, member), row in self.completions.items() if member is None}

    @cached_property
    def names(self) -> Mapping[str, str]:
        """What each member is named, by what the vendor calls them."""
        return {person.external_id or person.email or str(person.id): person.name for person in self.members}

    def undone_at(self, step: str, member: int | None) -> datetime | None:
        """What happened up to then does not count for this place any more."""
        times = [at for place in ((step, member), (step, None)) if (at := self.undone.get(place)) is not None]
        return max(times, default=None)

    def member_runs(self, step: str) -> list[MemberRun]:
        """Each member's part in `step`, for the scope rules."""
        return [
            MemberRun(
                member=member.id or 0,
                joined_at=member.joined_at,
                left_at=member.left_at,
                identified=is_identified(member),
                role=member.role,
                done_at=row.at if (row := self.completions.get((step, member.id))) else None,
            )
            for member in self.members
        ]


def is_identified(member: Member) -> bool:
    """Whether there is a person behind it: an id of the vendor's, or an address."""
    return member.external_id is not None or member.email_key is not None


def load_runs(
    session: Session,
    known: Catalog,
    *,
    accounts: Collection[int],
    keys: Collection[str] | None = None,
    withdrawn: bool = False,
) -> list[Run]:
    """The runs of `accounts` through checklists that are not archived, in a steady order."""
    runs: list[Run] = []
    for some in chunks(sorted(accounts)):
        wanted = select(Enrollment).where(col(Enrollment.account_id).in_(some)).order_by(col(Enrollment.id))
        if keys is not None:
            wanted = wanted.where(col(Enrollment.checklist_key).in_(sorted(keys)))
        if not withdrawn:
            wanted = wanted.where(col(Enrollment.withdrawn_at).is_(None))
        enrollments = session.execute(wanted, execution_options=AS_STORED).scalars().all()
        runs.extend(assemble(session, known, enrollments))
    return runs


def assemble(session: Session, known: Catalog, enrollments: Iterable[Enrollment]) -> list[Run]:
    """`enrollments` with all that belongs to them; those of archived checklists are left out."""
    standing = [row for row in enrollments if (row.checklist_key, row.version) in known.versions]
    if not standing:
        return []
    ids = sorted({row.account_id for row in standing})
    customers = select(Account).where(col(Account.id).in_(ids))
    accounts = {row.id: row for row in session.execute(customers, execution_options=AS_STORED).scalars()}
    members = _members(session, ids)
    runs = {
        row.id or 0: Run(
            enrollment=row,
            published=known.of(row.checklist_key, row.version),
            account=accounts[row.account_id],
            members=members[row.account_id],
        )
        for row in standing
    }
    kept = select(Completion).where(col(Completion.enrollment_id).in_(list(runs))).order_by(col(Completion.id))
    for completion in session.execute(kept, execution_options=AS_STORED).scalars():
        run = runs[completion.enrollment_id]
        place = (completion.step_key, completion.member_id)
        if completion.undone_at is None:
            run.completions[place] = completion
        elif completion.member_id is not None or completion.undone_whole:
            run.undone[place] = max(completion.undone_at, run.undone.get(place, completion.undone_at))
    return list(runs.values())


def _members(session: Session, accounts: Collection[int]) -> Mapping[int, list[Member]]:
    found: defaultdict[int, list[Member]] = defaultdict(list)
    rows = select(Member).where(col(Member.account_id).in_(accounts)).order_by(col(Member.id))
    for member in session.execute(rows, execution_options=AS_STORED).scalars():
        found[member.account_id].append(member)
    return found
