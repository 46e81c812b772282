"""When a rule has a reason to write, and when mails may go: pure.

A reason is an occasion: the silence that began on a day, the deadline of a day, a completion, a week. There is one
letter for each occasion, run and person, however often it is looked at; and before it is sent the same question is
asked again, so it stops the moment its reason is gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from portal.kit.clock import days_between, has_passed, local_day
from portal.kit.i18n import Message
from portal.workdays.rules import Calendar

Rule = Literal["welcome", "next_step", "deadline_near", "overdue", "completed", "weekly"]
Whom = Literal["admins", "members", "lacking"]
RULES: tuple[Rule, ...] = get_args(Rule)
OF_RUNS: tuple[Rule, ...] = ("next_step", "deadline_near", "overdue", "completed")
WHOM: tuple[Whom, ...] = get_args(Whom)
LOOK_BACK = timedelta(days=14)
"""What came about longer ago is history: long enough for the New Year holidays, short enough that a rule that is
switched on does not write about last year."""
WEEK = timedelta(days=7)

TITLES: Mapping[Rule, Message] = {
    "welcome": Message("Welcome at invitation"),
    "next_step": Message("Next step after silence"),
    "deadline_near": Message("Deadline near"),
    "overdue": Message("After the deadline"),
    "completed": Message("Checklist completed"),
    "weekly": Message("Weekly summary"),
}
MEANINGS: Mapping[Rule, Message] = {
    "welcome": Message("Once, to each person who was invited by mail."),
    "next_step": Message("Once for each silence: when no step has been done for so many days."),
    "deadline_near": Message("Once for each deadline, so many days before it."),
    "overdue": Message("Once for each deadline, when it has passed and the checklist is not completed."),
    "completed": Message("Once, when the checklist is completed."),
    "weekly": Message("On the first working day of each week, to the customer's admins and to those they have named."),
}
WHOM_WORDS: Mapping[Whom, Message] = {
    "admins": Message("The customer's admins"),
    "members": Message("All its people"),
    "lacking": Message("Those who lack the next step"),
}


@dataclass(frozen=True)
class RuleSetting:
    """A rule as it is set. `days` is the silence, or how long before the deadline."""

    kind: Rule
    template: str
    whom: Whom
    days: int = 0
    checklist: str | None = None
    on_since: datetime | None = None


SHIPPED: Mapping[Rule, RuleSetting] = {
    "welcome": RuleSetting("welcome", "welcome", "members"),
    "next_step": RuleSetting("next_step", "next-step", "lacking", 7),
    "deadline_near": RuleSetting("deadline_near", "deadline-near", "admins", 5),
    "overdue": RuleSetting("overdue", "overdue", "admins"),
    "completed": RuleSetting("completed", "completed", "members"),
    "weekly": RuleSetting("weekly", "weekly", "admins"),
}
COUNTS_DAYS: frozenset[Rule] = frozenset({"next_step", "deadline_near"})


@dataclass(frozen=True)
class RunFacts:
    """What a rule knows of one run. `due` is the deadline as pauses have moved it; `is_aside`: paused, excluded, out of
    the audience, or the customer has left."""

    started_at: datetime
    due: datetime | None
    completed_at: datetime | None
    quiet_since: datetime
    is_aside: bool = False


def occasion(rule: RuleSetting, run: RunFacts, *, now: datetime, zone: ZoneInfo) -> str | None:
    """What `rule` has to write about in `run` at `now`, as a word that stays the same as long as the thing does; None
    if nothing. Only for `OF_RUNS`."""
    if run.is_aside or run.started_at > now:
        return None
    if rule.kind == "completed":
        fresh = run.completed_at is not None and now - LOOK_BACK <= run.completed_at <= now
        return "completed" if fresh else None
    if run.completed_at is not None and run.completed_at <= now:
        return None
    passed = run.due is not None and has_passed(run.due, now)
    if rule.kind == "overdue":
        return _of_day(run.due, zone) if passed and run.due is not None and now - run.due <= LOOK_BACK else None
    if passed:
        return None
    if rule.kind == "deadline_near":
        near = run.due is not None and days_between(now, run.due, zone) <= rule.days
        return _of_day(run.due, zone) if near else None
    quiet = days_between(run.quiet_since, now, zone)
    return _of_day(run.quiet_since, zone) if quiet >= rule.days else None


def week_of(now: datetime, zone: ZoneInfo) -> str:
    """The ISO week `now` lies in, as `2026-W53`."""
    year, week, _ = local_day(now, zone).isocalendar()
    return f"{year}-W{week:02}"


def began_before_this_week(at: datetime, *, now: datetime, zone: ZoneInfo) -> bool:
    """Whether `at` lies before the Monday of the week of `now`: a summary that is switched on begins with the next."""
    today = local_day(now, zone)
    return local_day(at, zone) < today - timedelta(days=today.weekday())


@dataclass(frozen=True)
class Hours:
    """When mails go by themselves: between two whole hours of a business day of the vendor's calendar."""

    opens: int
    closes: int
    calendar: Calendar

    def is_open(self, now: datetime, zone: ZoneInfo) -> bool:
        """Whether a mail may go at `now`."""
        local = now.astimezone(zone)
        return self.opens <= local.hour < self.closes and self.calendar.is_business_day(local.date())

    def next_open(self, now: datetime, zone: ZoneInfo) -> datetime:
        """`now` where it is open, else the first moment it is."""
        if self.is_open(now, zone):
            return now
        local = now.astimezone(zone)
        day = local.date() + timedelta(days=1 if local.hour >= self.opens else 0)
        first = self.calendar.business_day_from(day)
        return datetime.combine(first, time(self.opens), tzinfo=zone).astimezone(UTC)


def _of_day(at: datetime | None, zone: ZoneInfo) -> str:
    return "" if at is None else local_day(at, zone).isoformat()
