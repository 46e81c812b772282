"""What may be written, what it means, and every way in which it is refused."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from portal.conditions.dump import dump
from portal.conditions.model import (
    All,
    Any,
    ChecklistDone,
    Comparison,
    Condition,
    EventCount,
    Not,
    Trait,
    checklists_of,
    events_of,
    is_time_dependent,
    plans_of,
    queries,
    references_of,
)
from portal.conditions.parse import ConditionProblems, Level, parse
from portal.kit.clock import Span
from portal.kit.files import load_yaml

READ: list[tuple[str, Condition]] = [
    ("plan: pro", Trait("plan", "eq", "pro")),
    ("plan: [starter, pro]", Trait("plan", "in", ("starter", "pro"))),
    ("plan: {ne: free}", Trait("plan", "ne", "free")),
    ("plan: {exists: false}", Trait("plan", "exists", False)),
    ("role: admin", Trait("role", "eq", "admin")),
    ("locale: ja", Trait("locale", "eq", "ja")),
    ("{plan: [starter, pro], tier: high}", All((Trait("plan", "in", ("starter", "pro")), Trait("tier", "eq", "high")))),
    (
        "traits: {industry: retail, seats: {gte: 10}}",
        All((Trait("traits.industry", "eq", "retail"), Trait("traits.seats", "gte", 10))),
    ),
    ("traits: {seats: {gte: 10, lt: 100}}", All((Trait("traits.seats", "gte", 10), Trait("traits.seats", "lt", 100)))),
    ("traits.address.city: 東京", Trait("traits.address.city", "eq", "東京")),
    ("traits: {tags: {contains: vip}}", Trait("traits.tags", "contains", "vip")),
    ("traits: {trial: true}", Trait("traits.trial", "eq", True)),
    ("traits: {since: {gte: 2026-12-01}}", Trait("traits.since", "gte", "2026-12-01")),
    ("{event: login}", EventCount("login")),
    ("{event: member.invited, at_least: 3}", EventCount("member.invited", 3)),
    (
        "{event: login, distinct: day, at_least: 8, within: 1mo}",
        EventCount("login", 8, within=Span(1, "mo"), distinct="day"),
    ),
    ("{event: login, last: 28d}", EventCount("login", last=Span(28, "d"))),
    (
        "{event: export, where: {format: pdf, pages: {gt: 1, lte: 9}}}",
        EventCount(
            "export",
            where=(Comparison("format", "eq", "pdf"), Comparison("pages", "gt", 1), Comparison("pages", "lte", 9)),
        ),
    ),
    (
        "tutorial: first-invoice",
        EventCount("tutorial.completed", where=(Comparison("tutorial", "eq", "first-invoice"),)),
    ),
    ("tutorial: [a, b]", EventCount("tutorial.completed", where=(Comparison("tutorial", "in", ("a", "b")),))),
    (
        "{tutorial: t, within: 2w, at_least: 2}",
        EventCount("tutorial.completed", 2, within=Span(2, "w"), where=(Comparison("tutorial", "eq", "t"),)),
    ),
    ("webinar: w", EventCount("webinar.watched", where=(Comparison("webinar", "eq", "w"),))),
    (
        "{webinar: w, watched: 80%, last: 90d}",
        EventCount(
            "webinar.watched",
            last=Span(90, "d"),
            where=(Comparison("webinar", "eq", "w"), Comparison("share", "gte", 0.8)),
        ),
    ),
    ("document: inviting", EventCount("article.read", where=(Comparison("document", "eq", "inviting"),))),
    ("checklist: first-30-days", ChecklistDone("first-30-days")),
    ("checklist: [a, b]", Any((ChecklistDone("a"), ChecklistDone("b")))),
    ("all: [{plan: pro}, {event: login}]", All((Trait("plan", "eq", "pro"), EventCount("login")))),
    ("any: [{plan: pro}]", Any((Trait("plan", "eq", "pro"),))),
    ("not: {plan: [free]}", Not(Trait("plan", "in", ("free",)))),
    ("{tier: low, not: {event: login}}", All((Trait("tier", "eq", "low"), Not(EventCount("login"))))),
    (
        "{event: login, tutorial: t}",
        All((EventCount("login"), EventCount("tutorial.completed", where=(Comparison("tutorial", "eq", "t"),)))),
    ),
]


@pytest.mark.parametrize(("text", "condition"), READ, ids=[text for text, _ in READ])
def test_what_is_written_is_read(text: str, condition: Condition) -> None:
    assert parse(load_yaml(text, file="c.yml").value, level="member") == condition


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("tutorial: t", {"tutorial": "t"}),
        ("{event: tutorial.completed, where: {tutorial: t}}", {"tutorial": "t"}),
        ("{watched: 33.33%, webinar: [a, b]}", {"webinar": ["a", "b"], "watched": "33.33%"}),
        ("{webinar: w, where: {share: {gte: 1}}}", {"webinar": "w", "where": {"share": {"gte": 1}}}),
        (
            "{webinar: w, where: {share: {gte: 0.123456}}}",
            {"webinar": "w", "where": {"share": {"gte": 0.123456}}},
        ),
        ("{event: x, where: {a: [1, 2]}, last: 3w}", {"event": "x", "last": "3w", "where": {"a": [1, 2]}}),
        ("traits: {seats: {gte: 10}}", {"traits": {"seats": {"gte": 10}}}),
        ("{plan: a, tier: b}", {"all": [{"plan": "a"}, {"tier": "b"}]}),
        ("not: {checklist: a}", {"not": {"checklist": "a"}}),
    ],
)
def test_it_is_written_back_plainly(text: str, plain: object) -> None:
    assert dump(parse(load_yaml(text, file="c.yml").value, level="account")) == plain


Refusal = tuple[object, Level, list[tuple[tuple[str | int, ...], str]]]

REFUSED: list[Refusal] = [
    ("tick", "member", [((), "a condition is written as “key: value”")]),
    (None, "member", [((), "a condition is written as")]),
    ([{"plan": "a"}], "member", [((), "a condition is written as")]),
    ({}, "member", [((), "must not be empty")]),
    ({"role": "admin"}, "account", [(("role",), "“role” is a member's")]),
    ({"not": {"locale": "ja"}}, "account", [(("not", "locale"), "“locale” is a member's")]),
    ({"evnet": "login"}, "member", [(("evnet",), "did you mean “event”?")]),
    ({"zzz": 1}, "member", [(("zzz",), "possible here: all, any, not")]),
    ({True: 1}, "member", [(("true",), "unknown key “true”")]),
    ({"traits": {"seats": {"gt3": 1}}}, "member", [(("traits", "seats", "gt3"), "did you mean “gt”?")]),
    ({"traits": {"address": {"city": "x"}}}, "member", [(("traits", "address", "city"), "unknown key “city”")]),
    ({"traits": {"seats": {}}}, "member", [(("traits", "seats"), "must not be empty")]),
    ({"traits": "seats"}, "member", [(("traits",), "takes names and values")]),
    ({"traits": {"": 1}}, "member", [(("traits", ""), "must not be empty")]),
    ({"traits.": 1}, "member", [(("traits.",), "must not be empty")]),
    ({"traits": {"a": None}}, "member", [(("traits", "a"), "write {exists: false}")]),
    ({"traits": {"a": {"exists": "no"}}}, "member", [(("traits", "a", "exists"), "true or false")]),
    ({"traits": {"a": {"gt": True}}}, "member", [(("traits", "a", "gt"), "have no order")]),
    ({"traits": {"a": {"in": "x"}}}, "member", [(("traits", "a", "in"), "a list with at least one value")]),
    ({"traits": {"a": [[1]]}}, "member", [(("traits", "a", 0), "one text, number, true or false")]),
    ({"traits": {"a": list(range(101))}}, "member", [(("traits", "a"), "at most 100 values")]),
    ({"traits": {"a": float("nan")}}, "member", [(("traits", "a"), "too large")]),
    ({"traits": {"a": 10**16}}, "member", [(("traits", "a"), "too large")]),
    ({"traits": {"a": "x" * 201}}, "member", [(("traits", "a"), "at most 200 characters")]),
    ({"traits": {"a": datetime(2026, 1, 1, tzinfo=UTC)}}, "member", [(("traits", "a"), "one text, number")]),
    ({"plan": 1}, "member", [(("plan",), "must be text; put quotes around it")]),
    ({"locale": False}, "member", [(("locale",), "must be text")]),
    ({"plan": {"gt": "a"}}, "member", [(("plan", "gt"), "unknown key “gt”; possible here: eq, ne, in, exists")]),
    ({"plan": []}, "member", [(("plan",), "a list with at least one value")]),
    ({"plan": ["a", ""]}, "member", [(("plan", 1), "must not be empty")]),
    ({"event": ""}, "member", [(("event",), "must not be empty")]),
    ({"event": ["a", "b"]}, "member", [(("event",), "must be text")]),
    ({"event": "x" * 201}, "member", [(("event",), "at most 200 characters")]),
    ({"event": "x", "last": "soon"}, "member", [(("last",), "a length such as")]),
    ({"event": "x", "within": "1d", "last": "1d"}, "member", [(("last",), "exclude one another")]),
    ({"event": "x", "distinct": 3}, "member", [(("distinct",), "must be text")]),
    ({"event": "x", "where": {}}, "member", [(("where",), "takes properties and values")]),
    ({"event": "x", "where": {"a": {"like": 1}}}, "member", [(("where", "a", "like"), "unknown key “like”")]),
    ({"event": "x", "watched": "80%"}, "member", [(("watched",), "goes with “webinar” only")]),
    ({"webinar": "w", "watched": "80%", "where": {"share": {"gte": 0.5}}}, "member", [(("where",), "already says")]),
    ({"tutorial": "t", "where": {"tutorial": "u"}}, "member", [(("where",), "“tutorial” already says")]),
    ({"tutorial": {"ne": "t"}}, "member", [(("tutorial",), "takes a key, or a list of keys")]),
    ({"plan": "pro", "at_least": 3}, "member", [(("at_least",), "says more about one of: event, tutorial")]),
    ({"watched": "80%"}, "member", [(("watched",), "says more about one of: webinar;")]),
    (
        {"event": "x", "tutorial": "t", "last": "1d"},
        "member",
        [(("last",), "which of event, tutorial “last” belongs to")],
    ),
    ({"checklist": 3}, "member", [(("checklist",), "must be text")]),
    ({"checklist": []}, "member", [(("checklist",), "at least one value")]),
    ({"checklist": [["a"]]}, "member", [(("checklist", 0), "must be text")]),
    ({"all": []}, "member", [(("all",), "“all” takes a list")]),
    ({"any": {"plan": "a"}}, "member", [(("any",), "“any” takes a list")]),
    ({"not": [{"plan": "a"}]}, "member", [(("not",), "a condition is written as")]),
    (
        {"all": [{"plan": 1}, {"evnt": "x"}, {"event": "x", "at_least": 0, "last": "z"}]},
        "member",
        [
            (("all", 0, "plan"), "must be text"),
            (("all", 1, "evnt"), "did you mean “event”?"),
            (("all", 2, "at_least"), "whole number"),
            (("all", 2, "last"), "a length"),
        ],
    ),
]


BAD_COUNTS: list[Refusal] = [
    ({"event": "x", "at_least": bad}, "member", [(("at_least",), "a whole number from 1 to 1000000")])
    for bad in (0, -1, True, 1.0, "3", None, 1_000_001)
]
BAD_SPANS: list[Refusal] = [
    ({"event": "x", "within": bad}, "member", [(("within",), "a length such as 30d, 2w or 1mo")])
    for bad in (30, "30", "0d", "1y", None, date(2026, 1, 1), "99999d")
]
BAD_SHARES: list[Refusal] = [
    ({"webinar": "w", "watched": bad}, "member", [(("watched",), "a percentage such as 80%")])
    for bad in ("0%", "101%", "80", 80, 0.8, "-5%", "1e1%", "80.123%", None)
]


@pytest.mark.parametrize(("value", "level", "expected"), [*REFUSED, *BAD_COUNTS, *BAD_SPANS, *BAD_SHARES], ids=str)
def test_what_is_wrong_is_named_with_its_place(
    value: object, level: Level, expected: list[tuple[tuple[str | int, ...], str]]
) -> None:
    with pytest.raises(ConditionProblems) as caught:
        parse(value, level=level, path=("steps", 2))
    found = caught.value.problems
    assert [path for path, _ in found] == [("steps", 2, *path) for path, _ in expected]
    for (_, message), (_, words) in zip(found, expected, strict=True):
        assert words in str(message)


def test_a_problem_finds_its_line() -> None:
    yaml = load_yaml("audience:\n  all:\n    - plan: pro\n    - traits:\n        seats: {gte: yes}\n", file="a.yml")
    assert isinstance(yaml.value, dict)
    with pytest.raises(ConditionProblems) as caught:
        parse(yaml.value["audience"], level="account", path=("audience",))
    [(path, message)] = caught.value.problems
    assert yaml.problem(message, *path).into("en").startswith("a.yml:5: true and false have no order")


def nested(depth: int) -> object:
    return {"plan": "a"} if depth == 1 else {"not": nested(depth - 1)}


def test_depth_is_bounded() -> None:
    assert isinstance(parse(nested(8), level="account"), Not)
    for depth in (9, 400):
        with pytest.raises(ConditionProblems, match="at most 8 deep"):
            parse(nested(depth), level="account")
    joined = {"not": {"not": {"not": {"not": {"not": {"not": {"not": {"plan": "a", "tier": "b"}}}}}}}}
    with pytest.raises(ConditionProblems, match="at most 8 deep"):
        parse(joined, level="account")


def test_size_is_bounded() -> None:
    assert len(queries(parse({"any": [{"event": f"e{i}"} for i in range(99)]}, level="account"))) == 99
    for value in (
        {"any": [{"event": f"e{i}"} for i in range(100)]},
        {"all": [0] * 10_000},
        {"traits": {f"t{i}": 1 for i in range(200)}},
        {"event": "x", "where": {f"p{i}": 1 for i in range(200)}},
        {"checklist": ["a"] * 10_000},
    ):
        with pytest.raises(ConditionProblems, match="more than 100 parts") as caught:
            parse(value, level="account")
        assert len(caught.value.problems) <= 102


def test_numbers_too_long_to_print_are_refused_in_words() -> None:
    huge = 10**5000
    for value in ({"traits": {"a": huge}}, {huge: 1}, {"traits": {huge: 1}}, {"event": "x", "at_least": huge}, huge):
        with pytest.raises(ConditionProblems) as caught:
            parse(value, level="account")
        assert len(caught.value.problems) == 1


def test_different_questions_stay_different() -> None:
    one, true = (EventCount("x", where=(Comparison("a", "eq", value),)) for value in (1, True))
    assert len({one, true, EventCount("x", where=(Comparison("a", "eq", 1.0),))}) == 2
    assert Trait("traits.a", "eq", 1) != Trait("traits.a", "eq", True)
    assert Trait("plan", "eq", "x") != Comparison("plan", "eq", "x")


def test_the_order_of_where_has_no_meaning() -> None:
    pair = (Comparison("a", "eq", 1), Comparison("b", "eq", 2))
    assert EventCount("x", where=pair) == EventCount("x", where=pair[::-1])
    with pytest.raises(ValueError, match="twice"):
        EventCount("x", where=(pair[0], Comparison("a", "eq", 2)))


def test_what_a_condition_depends_on() -> None:
    condition = parse(
        {
            "all": [
                {"plan": ["starter", "pro"]},
                {"not": {"plan": {"ne": "free"}}},
                {"event": "login", "last": "7d"},
                {"any": [{"tutorial": ["t", "u"]}, {"webinar": "w", "watched": "50%"}, {"document": "d"}]},
                {"checklist": "c"},
            ]
        },
        level="account",
    )
    assert plans_of(condition) == {"starter", "pro", "free"}
    assert events_of(condition) == {"login", "tutorial.completed", "webinar.watched", "article.read"}
    assert checklists_of(condition) == {"c"}
    assert len(queries(condition)) == 4
    assert references_of(condition) == {
        ("tutorial", "t"),
        ("tutorial", "u"),
        ("webinar", "w"),
        ("document", "d"),
        ("checklist", "c"),
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"plan": "a"}, False),
        ({"event": "x", "within": "3d"}, False),
        ({"event": "x", "last": "3d"}, True),
        ({"not": {"plan": "a"}}, False),
        ({"not": {"any": [{"plan": "a"}, {"event": "x"}]}}, True),
        ({"all": [{"plan": "a"}, {"event": "x", "last": "3d"}]}, True),
        ({"checklist": "a"}, False),
    ],
)
def test_which_answers_can_turn(value: object, expected: bool) -> None:
    assert is_time_dependent(parse(value, level="account")) is expected
