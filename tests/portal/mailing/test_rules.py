"""When a rule has a reason, and when mails may go: tables of a day's turn, a year's end and holidays."""

from __future__ import annotations

from datetime import datetime

import pytest

from portal.checklists.definition import AnyMember, EveryMember, Role, Scope, Step
from portal.mailing.people import Someone, chosen
from portal.mailing.rules import (
    Hours,
    Rule,
    RuleSetting,
    RunFacts,
    Whom,
    began_before_this_week,
    occasion,
    week_of,
)
from portal.workdays.rules import Calendar
from tests.onboarding import TOKYO

HOURS = Hours(9, 18, Calendar())


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TOKYO)


@pytest.mark.parametrize(
    ("now", "opens"),
    [
        ("2026-06-03 09:00", "2026-06-03 09:00"),
        ("2026-06-03 17:59", "2026-06-03 17:59"),
        ("2026-06-03 18:00", "2026-06-04 09:00"),
        ("2026-06-03 23:59", "2026-06-04 09:00"),
        ("2026-06-04 00:00", "2026-06-04 09:00"),
        ("2026-06-05 18:00", "2026-06-08 09:00"),  # a weekend
        ("2026-04-28 20:00", "2026-04-30 09:00"),  # 昭和の日
        ("2026-05-02 10:00", "2026-05-07 09:00"),  # 憲法記念日 to its substitute
        ("2026-08-12 18:00", "2026-08-17 09:00"),  # お盆
        ("2026-12-28 18:00", "2027-01-04 09:00"),  # 年末年始, over the year's end
        ("2026-12-31 23:59", "2027-01-04 09:00"),
        ("2027-01-01 00:00", "2027-01-04 09:00"),
    ],
)
def test_when_mails_go(now: str, opens: str) -> None:
    found = HOURS.next_open(at(now), TOKYO)
    assert found == at(opens)
    assert HOURS.is_open(at(now), TOKYO) is (now == opens)
    assert HOURS.is_open(found, TOKYO)


def run(**more: object) -> RunFacts:
    told: dict[str, object] = {
        "started_at": at("2026-12-01 15:00"),
        "due": at("2026-12-31 23:59:59"),
        "completed_at": None,
        "quiet_since": at("2026-12-10 23:59"),
    }
    return RunFacts(**{**told, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "days", "now", "facts", "said"),
    [
        ("next_step", 7, "2026-12-16 23:59", run(), None),
        ("next_step", 7, "2026-12-17 00:00", run(), "2026-12-10"),
        ("next_step", 7, "2026-12-25 00:00", run(), "2026-12-10"),
        ("next_step", 7, "2027-01-01 00:00", run(), None),  # overdue says more
        ("next_step", 7, "2026-12-25 00:00", run(is_aside=True), None),
        ("next_step", 7, "2026-12-25 00:00", run(completed_at=at("2026-12-20 00:00")), None),
        ("next_step", 7, "2026-11-30 00:00", run(), None),  # not begun
        ("deadline_near", 5, "2026-12-25 23:59", run(), None),
        ("deadline_near", 5, "2026-12-26 00:00", run(), "2026-12-31"),
        ("deadline_near", 5, "2026-12-31 23:59:59", run(), "2026-12-31"),
        ("deadline_near", 5, "2027-01-01 00:00", run(), None),
        ("deadline_near", 5, "2026-12-26 00:00", run(due=None), None),
        ("overdue", 0, "2026-12-31 23:59:59", run(), None),
        ("overdue", 0, "2027-01-01 00:00", run(), "2026-12-31"),
        ("overdue", 0, "2027-01-14 23:00", run(), "2026-12-31"),
        ("overdue", 0, "2027-01-16 00:00", run(), None),  # history
        ("overdue", 0, "2027-01-01 00:00", run(completed_at=at("2027-01-01 00:00")), None),
        ("completed", 0, "2027-01-01 00:00", run(completed_at=at("2026-12-31 23:59")), "completed"),
        ("completed", 0, "2027-01-20 00:00", run(completed_at=at("2026-12-31 23:59")), None),
        ("completed", 0, "2027-01-01 00:00", run(), None),
    ],
)
def test_what_a_rule_has_to_write_about(rule: Rule, days: int, now: str, facts: RunFacts, said: str | None) -> None:
    setting = RuleSetting(rule, "x", "admins", days)
    assert occasion(setting, facts, now=at(now), zone=TOKYO) == said


@pytest.mark.parametrize(
    ("now", "week"),
    [
        ("2026-12-27 23:59", "2026-W52"),
        ("2026-12-28 00:00", "2026-W53"),
        ("2027-01-03 23:59", "2026-W53"),
        ("2027-01-04 00:00", "2027-W01"),
    ],
)
def test_a_week_has_one_name_over_the_years_end(now: str, week: str) -> None:
    assert week_of(at(now), TOKYO) == week
    assert began_before_this_week(at("2026-12-27 23:59"), now=at(now), zone=TOKYO) is (week != "2026-W52")


SCOPES: dict[str, Scope] = {"any": AnyMember(), "every": EveryMember(), "billing": Role("billing")}
STEP = {name: Step(name, {"ja": name}, scope=scope) for name, scope in SCOPES.items()}
PEOPLE = [
    Someone(number, 1, role, f"{role}@x.example", f"{role}@x.example", role, None)
    for number, role in enumerate(("admin", "member", "billing"), start=1)
]


@pytest.mark.parametrize(
    ("whom", "step", "ids"),
    [
        ("admins", "any", [1]),
        ("members", "any", [1, 2, 3]),
        ("lacking", "any", [1, 2, 3]),
        ("lacking", "every", [1, 3]),
        ("lacking", "billing", [3]),
        ("lacking", None, [1, 2, 3]),
    ],
)
def test_whom_a_mail_is_for(whom: Whom, step: str | None, ids: list[int]) -> None:
    found = chosen(whom, PEOPLE, step=STEP[step] if step else None, done_by={2})
    assert [one.member_id for one in found] == ids


def test_where_nobody_is_an_admin_everybody_is_as_good() -> None:
    assert [one.member_id for one in chosen("admins", PEOPLE[1:])] == [2, 3]
