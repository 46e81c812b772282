"""Whom staff write to: customers named one by one, all that a list shows, or all who are stuck; and who of them.

Everything is looked at before anything is sent: who gets the mail, and who does not and why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.listing import ids_of
from portal.accounts.models import Account
from portal.checklists.catalog import catalog
from portal.checklists.models import Enrollment
from portal.checklists.rules import next_step
from portal.checklists.stuck import Narrowed, stuck_ids
from portal.checklists.thresholds import WHYS
from portal.kit.db import chunks
from portal.mailing.addresses import stopped_among
from portal.mailing.people import Someone, chosen, done_parts, done_steps, people_of
from portal.mailing.rules import Whom
from portal.segments.narrowing import WORDS, filters_of

MOST_NAMED = 500
ANY = "*"
"""In place of a checklist's key: stuck in whichever."""
NARROWING = ("plan", "owner")


@dataclass(frozen=True)
class Selection:
    """Customers by their ids in the product; or, with `everybody`, all that a list shows whose address says `shown`; or
    all who are stuck in a checklist (`stuck` is its key, or `ANY`), for one reason or for any, with the plan and the
    owner that `shown` says, or of the colleague who is called one of `names`."""

    named: tuple[str, ...] = ()
    everybody: bool = False
    shown: Mapping[str, str] = field(default_factory=dict)
    stuck: str = ""
    why: str = ""
    names: frozenset[str] = frozenset()

    def fields(self) -> list[tuple[str, str]]:
        """How it stands in an address or a form."""
        if self.stuck:
            narrowed = ((name, self.shown.get(name, "")) for name in NARROWING)
            return [("stuck", self.stuck), *((name, word) for name, word in (("why", self.why), *narrowed) if word)]
        if self.everybody:
            return [("all", "1"), *((name, self.shown[name]) for name in WORDS if self.shown.get(name))]
        return [("account", one) for one in self.named]


@dataclass(frozen=True)
class Recipient:
    """One person of one customer. `reason` is why they get nothing (a word of `wording.HELD`), None where they do;
    without `someone` there is nobody to write to."""

    account_id: int
    external_id: str
    account: str
    someone: Someone | None
    reason: str | None = None
    detail: str = ""
    enrollment_id: int | None = None

    @property
    def name(self) -> str:
        """What to call them in a list."""
        return (self.someone.name or self.someone.email) if self.someone is not None else ""


def accounts_of(session: Session, selection: Selection, *, now: datetime, zone: ZoneInfo) -> Sequence[int]:
    """The customers that are meant, each once; what is named and not there is passed over."""
    if selection.stuck:
        why = next((one for one in WHYS if one == selection.why), None)
        owner = "" if selection.names else selection.shown.get("owner", "")
        narrowed = Narrowed(selection.shown.get("plan", ""), owner, selection.names)
        checklist = selection.stuck if selection.stuck != ANY else None
        return stuck_ids(session, now=now, zone=zone, checklist=checklist, why=why, narrowed=narrowed)
    if selection.everybody:
        return ids_of(session, filters=filters_of(selection.shown), now=now)
    ids: dict[str, int] = {}
    for names in chunks(list(dict.fromkeys(selection.named))[:MOST_NAMED]):
        asked = select(col(Account.external_id), col(Account.id)).where(col(Account.external_id).in_(names))
        ids.update((external_id, account_id or 0) for external_id, account_id in session.connection().execute(asked))
    return [ids[one] for one in dict.fromkeys(selection.named) if one in ids]


def recipients(
    session: Session,
    accounts: Sequence[int],
    *,
    whom: Whom,
    checklist: str | None,
    needs_run: bool,
    now: datetime,
) -> list[Recipient]:
    """Everybody of `accounts` who is meant, in their order, with why not where not.

    `needs_run`: the template names the checklist, so a customer that has no run through it gets nothing.
    """
    known = _accounts(session, accounts)
    people = people_of(session, accounts, now=now)
    runs = _runs(session, accounts, checklist) if checklist else {}
    to_whom = _whom(session, accounts, people, runs, whom)
    stopped = stopped_among(session, (one.email_key for some in to_whom.values() for one in some))
    found: list[Recipient] = []
    for account_id in accounts:
        external_id, name, left_at = known[account_id]
        run = runs.get(account_id)
        general = None
        if left_at is not None and left_at <= now:
            general = "account_left"
        elif needs_run and run is None:
            general = "no_run"
        for someone in to_whom[account_id]:
            own = "no_address" if not someone.email_key else stopped.get(someone.email_key)
            found.append(Recipient(account_id, external_id, name, someone, general or own, "", run[0] if run else None))
        if not to_whom[account_id]:
            found.append(Recipient(account_id, external_id, name, None, general or "nobody"))
    return found


def _whom(
    session: Session,
    accounts: Sequence[int],
    people: Mapping[int, Sequence[Someone]],
    runs: Mapping[int, tuple[int, str, int]],
    whom: Whom,
) -> Mapping[int, list[Someone]]:
    steps = {}
    parts: Mapping[int, set[int]] = {}
    if whom == "lacking" and runs:
        versions = catalog(session)
        done = done_steps(session, [run for run, _, _ in runs.values()])
        steps = {
            run: next_step(versions.of(key, version).definition, done.get(run, ()))
            for run, key, version in runs.values()
        }
        parts = done_parts(session, {run: step.key for run, step in steps.items() if step is not None})
    found = {}
    for account_id in accounts:
        run = runs.get(account_id)
        step = steps.get(run[0]) if run else None
        done_by = parts.get(run[0], ()) if run else ()
        found[account_id] = chosen(whom, people.get(account_id, ()), step=step, done_by=done_by)
    return found


def _accounts(session: Session, ids: Sequence[int]) -> Mapping[int, tuple[str, str, datetime | None]]:
    found = {}
    asked = select(col(Account.id), col(Account.external_id), col(Account.name), col(Account.left_at))
    for some in chunks(ids, 1_000):
        for account_id, external_id, name, left_at in session.connection().execute(
            asked.where(col(Account.id).in_(some))
        ):
            found[account_id or 0] = (external_id, name, left_at)
    return found


def _runs(session: Session, accounts: Sequence[int], key: str) -> Mapping[int, tuple[int, str, int]]:
    live = {one.key for one in catalog(session).live}
    found: dict[int, tuple[int, str, int]] = {}
    if key not in live:
        return found
    asked = select(col(Enrollment.account_id), col(Enrollment.id), col(Enrollment.version)).where(
        col(Enrollment.checklist_key) == key,
        col(Enrollment.withdrawn_at).is_(None),
        col(Enrollment.excluded_at).is_(None),
    )
    for some in chunks(accounts, 1_000):
        for account_id, run, version in session.connection().execute(asked.where(col(Enrollment.account_id).in_(some))):
            found[account_id] = (run or 0, key, version)
    return found
