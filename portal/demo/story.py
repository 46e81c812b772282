"""What the companies of the demo do, day by day: pure, from the cast and a seeded random."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Literal
from zoneinfo import ZoneInfo

from portal.demo.cast import Company, Person

Act = Literal["event", "tutorial", "tick", "staff_tick", "read"]


@dataclass(frozen=True)
class Happening:
    """One thing somebody does: an event of the product, or something done in the portal."""

    at: datetime
    company: Company
    person: Person
    act: Act
    name: str
    properties: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Pace:
    """How fast a course goes: days from the start to each act; None is never."""

    kickoff: tuple[int, int] | None
    invites: tuple[int, int] | None
    tutorial: tuple[int, int] | None
    billing: tuple[int, int] | None
    first_use: tuple[int, int] | None
    activity: float
    """Chance that a person comes in on a working day."""
    learners: float
    """Share of the people who finish the tutorial."""


PACES = {
    "quick": Pace((1, 4), (1, 6), (1, 8), (2, 9), (1, 5), 0.42, 1.0),
    "steady": Pace((2, 8), (3, 14), (4, 20), (5, 22), (2, 12), 0.30, 0.95),
    "late": Pace((6, 14), (12, 28), (24, 52), (20, 48), (8, 24), 0.22, 0.9),
    "stalled": Pace((3, 10), (5, 20), None, None, (4, 15), 0.06, 0.0),
    "left": Pace((3, 9), None, None, (6, 15), (5, 16), 0.10, 0.0),
    "before": Pace(None, (2, 30), (5, 60), None, (0, 2), 0.30, 0.4),
}
DOCUMENTS = ("first-day", "your-checklist", "signing-in", "tutorials-and-manuals", "for-admins")


def happenings(
    cast: list[Company], random: Random, *, opened: date, today: date, zone: ZoneInfo
) -> dict[date, list[Happening]]:
    """Everything that happens from the day Banso opened until yesterday, by day, in order of time."""
    days: defaultdict[date, list[Happening]] = defaultdict(list)
    for company in cast:
        for happening in _of(company, random, opened=opened, today=today, zone=zone):
            days[happening.at.astimezone(zone).date()].append(happening)
    for happened in days.values():
        happened.sort(key=lambda one: (one.at, one.person.external_id, one.name))
    return dict(days)


def _of(company: Company, random: Random, *, opened: date, today: date, zone: ZoneInfo) -> list[Happening]:
    pace = PACES[company.course]
    begins = max(company.started, opened)
    ends = min(company.left or today, today)
    admin = company.people[0]
    found: list[Happening] = []

    def add(after: tuple[int, int] | None, person: Person, act: Act, name: str, **properties: object) -> None:
        if after is not None:
            day = max(begins, person.joined) + timedelta(days=random.randint(*after))
            found.append(Happening(_moment(random, day, zone), company, person, act, name, properties))

    add(pace.kickoff, admin, "staff_tick", "kickoff_call")
    for person in company.people[1:4]:
        add(pace.invites, admin, "event", "member.invited", email=person.email)
    add(pace.first_use, admin, "event", "project.created", template="standard")
    for number in range(random.randint(2, 5)):
        low, high = pace.first_use or (5, 20)
        add((low, high + 3 * number), admin, "event", "invoice.sent", amount=random.randint(3, 90) * 1000)
    add(pace.billing, admin, "tick", "billing")
    for place, person in enumerate(company.people):
        if pace.tutorial is not None and place < round(pace.learners * len(company.people)):
            add(pace.tutorial, person, "tutorial", "first-steps")
        if random.random() < 0.7:
            add((0, 12), person, "read", random.choice(DOCUMENTS))
    found += _use(company, random, begins=begins, ends=ends, zone=zone)
    return [one for one in found if begins <= one.at.astimezone(zone).date() < ends]


def _use(company: Company, random: Random, *, begins: date, ends: date, zone: ZoneInfo) -> list[Happening]:
    """Daily work: people come in on working days, less with time in a quiet company, and send invoices."""
    activity = PACES[company.course].activity
    found = []
    for number in range((ends - begins).days):
        day = begins + timedelta(days=number)
        if day.weekday() >= 5:
            continue
        settled = activity if number < 40 else activity * 0.65
        for person in company.people:
            if day >= person.joined and random.random() < settled:
                found.append(Happening(_moment(random, day, zone), company, person, "event", "login"))
                if random.random() < 0.18:
                    amount = random.randint(3, 90) * 1000
                    sent = Happening(
                        _moment(random, day, zone), company, person, "event", "invoice.sent", {"amount": amount}
                    )
                    found.append(sent)
    return found


def _moment(random: Random, day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(random.randint(9, 18), random.randint(0, 59)), tzinfo=zone)
