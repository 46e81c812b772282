"""Deciding from facts: the answer, the instant, and the reasons in words."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from portal.conditions.model import EventCount, queries
from portal.conditions.parse import parse
from portal.conditions.rules import Facts, Tally, Verdict, evaluate

NOW = datetime(2026, 8, 1, tzinfo=UTC)
JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
VALUES = {
    "plan": "pro",
    "role": "admin",
    "locale": "ja",
    "tier": None,
    "traits": {"seats": 12, "tags": ["vip", "beta"], "trial": False, "address": {"city": "Tokyo"}},
}


def decide(
    value: object, *, count: int = 0, reached_at: datetime | None = None, needed: int = 1, ever: bool = False
) -> Verdict:
    """The verdict on `value`, where every event was counted `count` times."""
    condition = parse(value, level="member")
    tallies = {query: Tally(count, needed, reached_at) for query in queries(condition)}
    facts = Facts(values=VALUES, tallies=tallies, checklists={"done": JUNE, "open": None}, now=NOW)
    return evaluate(condition, facts, ever=ever)


@pytest.mark.parametrize(
    ("value", "met", "words"),
    [
        ({"plan": "pro"}, True, "plan is pro"),
        ({"plan": "free"}, False, "plan is pro, not free"),
        ({"plan": ["free", "pro"]}, True, "plan is pro"),
        ({"plan": ["free", "starter"]}, False, "plan is pro, not one of free, starter"),
        ({"plan": {"ne": "free"}}, True, "plan is pro, not free"),
        ({"plan": {"ne": "pro"}}, False, "plan is pro"),
        ({"tier": "high"}, False, "touch tier is not set"),
        ({"tier": {"ne": "high"}}, True, "touch tier is not set"),
        ({"tier": {"exists": False}}, True, "touch tier is not set"),
        ({"role": {"exists": False}}, False, "role is admin"),
        ({"locale": "ja"}, True, "language is ja"),
        ({"traits": {"seats": {"gt": 10}}}, True, "seats is 12, more than 10"),
        ({"traits": {"seats": {"gte": 20}}}, False, "seats is 12, less than 20"),
        ({"traits": {"seats": {"gte": 12}}}, True, "seats is 12"),
        ({"traits": {"seats": {"lt": "x"}}}, False, "seats is 12, which cannot be compared with x"),
        ({"traits": {"tags": {"contains": "vip"}}}, True, "tags contains vip"),
        ({"traits": {"tags": {"contains": "gold"}}}, False, "tags does not contain gold"),
        ({"traits": {"tags": "vip"}}, False, "tags is vip, beta, not vip"),
        ({"traits": {"trial": False}}, True, "trial is false"),
        ({"traits": {"address.city": "Tokyo"}}, True, "address.city is Tokyo"),
        ({"traits": {"address": "Tokyo"}}, False, "address is …, not Tokyo"),
        ({"checklist": "done"}, True, "checklist “done” is completed"),
        ({"checklist": "open"}, False, "checklist “open” is not completed"),
        ({"checklist": "unheard-of"}, False, "checklist “unheard-of” is not completed"),
    ],
)
def test_what_is_known(value: object, met: bool, words: str) -> None:
    verdict = decide(value)
    assert verdict.met is met
    assert [(reason.met, str(reason.message), reason.count) for reason in verdict.reasons] == [(met, words, None)]


@pytest.mark.parametrize(
    ("value", "count", "words"),
    [
        ({"event": "member.invited", "at_least": 3}, 2, "2 of 3 member.invited"),
        ({"event": "login", "at_least": 2}, 5, "5 of 2 login"),
        ({"event": "login", "distinct": "day", "at_least": 8}, 5, "5 of 8 days with login"),
        ({"event": "login", "distinct": "member", "at_least": 2}, 1, "1 of 2 members with login"),
        ({"event": "run", "distinct": "kind"}, 0, "0 of 1 different “kind” of run"),
        ({"event": "login", "within": "30d"}, 0, "0 of 1 login within 30 days of the start"),
        ({"event": "login", "within": "1mo"}, 0, "0 of 1 login within one month of the start"),
        ({"event": "login", "last": "1d"}, 1, "1 of 1 login in the last one day"),
        ({"event": "login", "last": "1w"}, 1, "1 of 1 login in the last one week"),
        ({"event": "login", "last": "2w"}, 1, "1 of 1 login in the last 2 weeks"),
        ({"event": "login", "last": "3mo"}, 1, "1 of 1 login in the last 3 months"),
        (
            {"event": "export", "where": {"format": ["pdf", "csv"], "pages": {"gte": 2}, "draft": {"exists": False}}},
            0,
            "0 of 1 export (draft = …, format = pdf, csv, pages ≥ 2)",
        ),
        ({"tutorial": "t"}, 1, "tutorial “t” is finished"),
        ({"tutorial": "t"}, 0, "tutorial “t” is not finished"),
        ({"tutorial": "t", "within": "2d"}, 0, "tutorial “t” is not finished within 2 days of the start"),
        ({"tutorial": ["t", "u"], "at_least": 2}, 1, "1 of 2 tutorial.completed (tutorial = t, u)"),
        ({"tutorial": "t", "where": {"score": {"gt": 5}}}, 0, "0 of 1 tutorial.completed (score > 5, tutorial = t)"),
        ({"webinar": "w"}, 1, "webinar “w” is watched"),
        ({"webinar": "w"}, 0, "webinar “w” is not watched"),
        ({"webinar": "w", "watched": "80%"}, 1, "webinar “w” is watched to 80%"),
        ({"webinar": "w", "watched": "80%"}, 0, "webinar “w” is not watched to 80%"),
        ({"webinar": "w", "where": {"live": True}}, 0, "0 of 1 webinar.watched (live = true, webinar = w)"),
        ({"document": "d"}, 1, "article “d” is read"),
        ({"document": "d"}, 0, "article “d” is not read"),
    ],
)
def test_what_happened(value: object, count: int, words: str) -> None:
    [query] = queries(parse(value, level="member"))
    met = count >= query.at_least
    [reason] = decide(value, count=count, reached_at=JULY if met else None).reasons
    assert (reason.met, str(reason.message)) == (met, words)
    assert (reason.count, reason.needed) == (count, query.at_least)


PRO, FREE, DONE, OPEN = {"plan": "pro"}, {"plan": "free"}, {"checklist": "done"}, {"checklist": "open"}
LOGIN = {"event": "login"}


@pytest.mark.parametrize(
    ("value", "met", "at"),
    [
        (PRO, True, None),
        (DONE, True, JUNE),
        (OPEN, False, None),
        (LOGIN, True, JULY),
        ({"all": [PRO, PRO]}, True, None),
        ({"all": [PRO, DONE]}, True, JUNE),
        ({"all": [DONE, LOGIN]}, True, JULY),
        ({"all": [DONE, FREE]}, False, None),
        ({"any": [DONE, LOGIN]}, True, JUNE),
        ({"any": [OPEN, LOGIN]}, True, JULY),
        ({"any": [PRO, LOGIN]}, True, JULY),
        ({"any": [OPEN, FREE]}, False, None),
        ({"not": OPEN}, True, None),
        ({"not": DONE}, False, None),
    ],
)
def test_since_when(value: object, met: bool, at: datetime | None) -> None:
    verdict = decide(value, count=1, reached_at=JULY)
    assert (verdict.met, verdict.at) == (met, at)


@pytest.mark.parametrize(
    ("value", "reasons"),
    [
        ({"all": [PRO, OPEN]}, [(True, "plan is pro"), (False, "checklist “open” is not completed")]),
        ({"any": [FREE, DONE]}, [(True, "checklist “done” is completed")]),
        ({"any": [FREE, OPEN]}, [(False, "plan is pro, not free"), (False, "checklist “open” is not completed")]),
        ({"not": FREE}, [(True, "plan is pro, not free")]),
        ({"not": PRO}, [(False, "plan is pro")]),
        ({"not": {"all": [PRO, OPEN]}}, [(True, "checklist “open” is not completed")]),
        ({"not": {"any": [PRO, OPEN]}}, [(False, "plan is pro")]),
        ({"not": {"not": PRO}}, [(True, "plan is pro")]),
    ],
)
def test_the_reasons_are_those_that_decided(value: object, reasons: list[tuple[bool, str]]) -> None:
    assert [(reason.met, str(reason.message)) for reason in decide(value).reasons] == reasons


def test_a_last_window_speaks_of_now_unless_asked_whether_it_ever_held() -> None:
    value = {"event": "login", "at_least": 3, "last": "7d"}
    now = decide(value, count=1, reached_at=JUNE, needed=3)
    assert (now.met, now.at, now.reasons[0].count) == (False, None, 1)
    ever = decide(value, count=1, reached_at=JUNE, needed=3, ever=True)
    assert (ever.met, ever.at, ever.reasons[0].count) == (True, JUNE, 3)
    assert decide({"not": value}, count=1, reached_at=JUNE, needed=3, ever=True).met
    assert not decide(value, count=1, reached_at=None, needed=3, ever=True).met


def test_a_missing_tally_is_never_taken_for_zero() -> None:
    facts = Facts(values={}, tallies={}, checklists={}, now=NOW)
    with pytest.raises(KeyError):
        evaluate(EventCount("login"), facts)
