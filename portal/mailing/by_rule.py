"""Mails by rule: looked for by the hour while mails may go, many customers at a time, and written down once.

Looking takes no lock: reading is apart from writing, and what two workers find at the same time is one letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account, Invitation, Member
from portal.checklists.catalog import catalog
from portal.checklists.rules import next_step
from portal.kit.db import chunks
from portal.kit.web import Site
from portal.mailing import addresses
from portal.mailing.configured import rules, terms
from portal.mailing.letters import Draft, write_down
from portal.mailing.models import Letter
from portal.mailing.people import Someone, chosen, done_parts, done_steps, people_of
from portal.mailing.reasons import Reason, reasons
from portal.mailing.rules import LOOK_BACK, OF_RUNS, Rule, RuleSetting, began_before_this_week, week_of
from portal.mailing.summaries import weekly_drafts

JOB = "mailing.rules"


@dataclass(frozen=True)
class Tally:
    """What a rule would do if it were switched on now: how many mails, to how many customers."""

    mails: int
    accounts: int


async def look(site: Site) -> None:
    """Look at every rule that is on, where mails may go now."""
    now, zone = site.clock(), site.zone
    known, may_go = await site.database.read(lambda session: (rules(session), _is_open(session, now, zone)))
    on = {kind: one for kind, one in known.items() if one.on_since is not None}
    if not on or not may_go:
        return
    after = -1
    of_runs = [on[kind] for kind in OF_RUNS if kind in on]
    while of_runs and after != 0:
        drafts, after = await site.database.report(
            partial(run_drafts, wanted=of_runs, now=now, zone=zone, after=max(after, 0))
        )
        for some in chunks(drafts, 2_000):
            await site.database.write(partial(write_down, drafts=some, now=now))
    if "welcome" in on:
        drafts = await site.database.report(partial(welcome_drafts, rule=on["welcome"], now=now))
        for some in chunks(drafts, 2_000):
            await site.database.write(partial(write_down, drafts=some, now=now))
    weekly = on.get("weekly")
    if (
        weekly is not None
        and weekly.on_since is not None
        and began_before_this_week(weekly.on_since, now=now, zone=zone)
    ):
        drafts = await site.database.report(partial(weekly_drafts, rule=weekly, week=week_of(now, zone), now=now))
        for some in chunks(drafts, 2_000):
            await site.database.write(partial(write_down, drafts=some, now=now))


def would_send(session: Session, rule: RuleSetting, *, now: datetime, zone: ZoneInfo) -> Tally:
    """How many mails `rule` would write at once if it were on: those that are not written yet and have an address that
    is not stopped."""
    found: list[Draft] = []
    if rule.kind in OF_RUNS:
        after = -1
        while after != 0:
            drafts, after = run_drafts(session, wanted=[rule], now=now, zone=zone, after=max(after, 0))
            found += drafts
    elif rule.kind == "welcome":
        found = welcome_drafts(session, rule=rule, now=now)
    else:
        found = weekly_drafts(session, rule=rule, week=week_of(now, zone), now=now)
    stopped = addresses.stopped_among(session, [_key(one) for one in found])
    written: set[str | None] = set()
    for some in chunks([one.dedupe_key for one in found], 2_000):
        known = select(col(Letter.dedupe_key)).where(col(Letter.dedupe_key).in_(some))
        written.update(session.connection().scalars(known))
    fresh = [one for one in found if not one.held and one.dedupe_key not in written]
    going = [one for one in fresh if _key(one) and _key(one) not in stopped]
    return Tally(len(going), len({one.account_id for one in going}))


def run_drafts(
    session: Session, *, wanted: Sequence[RuleSetting], now: datetime, zone: ZoneInfo, after: int
) -> tuple[list[Draft], int]:
    """The letters that rules about runs have to write, among the next runs; and where to go on, 0 at the end."""
    found, last = reasons(session, wanted, now=now, zone=zone, after=after)
    fresh = _not_written(session, found)
    return list(_addressed(session, fresh, now=now)), last


def welcome_drafts(session: Session, *, rule: RuleSetting, now: datetime) -> list[Draft]:
    """One for each person who was invited by mail lately and has not been welcomed."""
    written = select(col(Letter.member_id)).where(
        col(Letter.rule) == rule.kind, col(Letter.member_id).is_not(None), col(Letter.created_at) >= now - 2 * LOOK_BACK
    )
    asked = (
        select(col(Member.account_id), col(Member.id))
        .join(Invitation, col(Invitation.member_id) == col(Member.id))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(
            col(Invitation.how) == "mail",
            col(Invitation.revoked_at).is_(None),
            col(Invitation.created_at) >= now - LOOK_BACK,
            col(Account.left_at).is_(None) | (col(Account.left_at) > now),
            col(Member.id).not_in(written),
        )
        .distinct()
        .order_by(col(Member.id))
    )
    invited = {member_id or 0: account_id for account_id, member_id in session.connection().execute(asked)}
    people = people_of(session, invited.values(), now=now)
    return [
        Draft(
            one.account_id,
            "rule",
            rule.template,
            one,
            rule=rule.kind,
            occasion="welcome",
            dedupe_key=f"welcome:{one.member_id}",
        )
        for account in people.values()
        for one in account
        if one.member_id in invited
    ]


def _addressed(session: Session, found: Sequence[Reason], *, now: datetime) -> Iterator[Draft]:
    known = catalog(session)
    people = people_of(session, [one.run.account_id for one in found], now=now)
    lacking = [one for one in found if one.rule.whom == "lacking"]
    done = done_steps(session, [one.run.enrollment_id for one in lacking])
    steps = {
        one.run.enrollment_id: next_step(
            known.of(one.run.checklist, one.run.version).definition, done.get(one.run.enrollment_id, ())
        )
        for one in lacking
    }
    parts = done_parts(session, {run: step.key for run, step in steps.items() if step is not None})
    for one in found:
        run = one.run
        step = steps.get(run.enrollment_id)
        if one.rule.kind == "next_step" and one.rule.whom == "lacking" and step is None:
            continue  # what is left is the vendor's own work
        to = chosen(one.rule.whom, people.get(run.account_id, ()), step=step, done_by=parts.get(run.enrollment_id, ()))
        for someone in to:
            yield _draft(one, f"{one.rule.kind}:{run.enrollment_id}:{one.occasion}:{someone.member_id}", to=someone)
        if not to:
            yield _draft(one, f"{one.rule.kind}:{run.enrollment_id}:{one.occasion}", held="nobody")


def _draft(one: Reason, key: str, *, to: Someone | None = None, held: str | None = None) -> Draft:
    return Draft(
        one.run.account_id,
        "rule",
        one.rule.template,
        rule=one.rule.kind,
        enrollment_id=one.run.enrollment_id,
        occasion=one.occasion,
        dedupe_key=key,
        because=dict(one.because),
        to=to,
        held=held,
    )


def _not_written(session: Session, found: Sequence[Reason]) -> list[Reason]:
    kinds: set[Rule] = {one.rule.kind for one in found}
    asked = select(col(Letter.enrollment_id), col(Letter.rule), col(Letter.occasion)).where(col(Letter.rule).in_(kinds))
    known: set[tuple[int | None, str | None, str]] = set()
    for some in chunks(sorted({one.run.enrollment_id for one in found}), 2_000):
        rows = session.connection().execute(asked.where(col(Letter.enrollment_id).in_(some)))
        known.update((run, rule, about) for run, rule, about in rows)
    return [one for one in found if (one.run.enrollment_id, one.rule.kind, one.occasion) not in known]


def _key(draft: Draft) -> str:
    return draft.to.email_key if draft.to is not None else draft.address_key


def _is_open(session: Session, now: datetime, zone: ZoneInfo) -> bool:
    return terms(session).hours.is_open(now, zone)
