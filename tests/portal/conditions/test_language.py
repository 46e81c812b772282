"""Laws of the language, on conditions nobody would think of writing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import cast, get_args

from hypothesis import given
from hypothesis import strategies as st

from portal.conditions.dump import dump
from portal.conditions.model import (
    OPS,
    All,
    Any,
    ChecklistDone,
    Comparison,
    Condition,
    EventCount,
    Not,
    Op,
    Trait,
    Value,
    depth_of,
    is_time_dependent,
    queries,
)
from portal.conditions.parse import KEYS, MAX_DEPTH, ConditionProblems, Level, parse
from portal.conditions.rules import Facts, Tally, evaluate
from portal.kit.clock import Span

NOW = datetime(2026, 8, 1, tzinfo=UTC)
names = st.sampled_from(["a", "b", "a.b", "share", "tutorial", "traits.x", "日本"]) | st.text(min_size=1, max_size=5)
names = names.filter(lambda name: bool(name.strip()))
scalars = (
    st.text(max_size=5)
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(-1e15, 1e15)
    | st.sampled_from([0.8, 0.3333, 1.0, 0.00001, 1])
)


@st.composite
def comparisons(draw: st.DrawFn, name: str | None = None, *, names_only: bool = False) -> Comparison:
    op: Op = draw(st.sampled_from(["eq", "ne", "in", "exists"] if names_only else OPS))
    one = names if names_only else scalars
    if op in ("gt", "gte", "lt", "lte"):
        one = one.filter(lambda value: not isinstance(value, bool))
    value: Value
    if op == "exists":
        value = draw(st.booleans())
    else:
        value = tuple(draw(st.lists(one, min_size=1, max_size=3))) if op == "in" else draw(one)
    return Comparison(name or draw(names), op, value)


@st.composite
def traits(draw: st.DrawFn) -> Trait:
    name = draw(st.sampled_from(["plan", "role", "locale", "tier", ""]))
    asked = draw(comparisons(name or None, names_only=bool(name)))
    return Trait(name or f"traits.{asked.name}", asked.op, asked.value)


spans = st.builds(Span, st.integers(1, 9999), st.sampled_from(["d", "w", "mo"]))


@st.composite
def counts(draw: st.DrawFn) -> EventCount:
    where = draw(st.lists(comparisons(), max_size=3, unique_by=lambda asked: (asked.name, asked.op)))
    short = draw(st.sampled_from([None, "tutorial", "webinar", "document"]))
    event = draw(names)
    if short:
        event = {"tutorial": "tutorial.completed", "webinar": "webinar.watched", "document": "article.read"}[short]
        where = [Comparison(short, "eq", draw(names)), *(asked for asked in where if asked.name != short)]
    window = draw(st.sampled_from([None, "within", "last"]))
    return EventCount(
        event,
        draw(st.integers(1, 1_000_000)),
        within=draw(spans) if window == "within" else None,
        last=draw(spans) if window == "last" else None,
        where=tuple(where),
        distinct=draw(st.none() | names),
    )


leaves: st.SearchStrategy[Condition] = traits() | counts() | st.builds(ChecklistDone, names)
conditions: st.SearchStrategy[Condition] = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Any(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=5,
).filter(lambda condition: depth_of(condition) <= MAX_DEPTH)


@given(conditions)
def test_what_is_dumped_is_read_back_the_same(condition: Condition) -> None:
    read = parse(json.loads(json.dumps(dump(condition))), level="member")
    assert read == condition
    assert hash(read) == hash(condition)


keys = st.sampled_from([*KEYS, *OPS, "traits.a", "x"]) | st.text(max_size=3) | st.booleans() | st.none() | st.integers()
anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(["80%", "30d", "day", 10**400, date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC)]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)


levels: st.SearchStrategy[Level] = st.sampled_from(get_args(Level))


def read_or_refused(value: object, level: Level) -> Condition | ConditionProblems:
    try:
        return parse(value, level=level)
    except ConditionProblems as refused:
        return refused


@given(st.dictionaries(keys, anything, max_size=4) | anything, levels)
def test_whatever_is_given_is_read_or_refused(value: object, level: Level) -> None:
    answer = read_or_refused(value, level)
    if isinstance(answer, ConditionProblems):
        assert answer.problems
        assert all(isinstance(step, str | int) for path, _ in answer.problems for step in path)
        assert all(message.into("en") for _, message in answer.problems)
    else:
        assert parse(dump(answer), level=level) == answer


@st.composite
def facts_for(draw: st.DrawFn, condition: Condition) -> Facts:
    """Any facts that could be so: what is enough now was reached once."""
    tallies = {}
    for query in queries(condition):
        count = draw(st.integers(0, 3) | st.just(query.at_least))
        reached = count >= query.at_least or (query.last is not None and draw(st.booleans()))
        tallies[query] = Tally(count, query.at_least, NOW if reached else None)
    values = draw(st.dictionaries(st.sampled_from(["plan", "role", "tier", "traits.a", "traits.b"]), scalars))
    checklists = draw(st.dictionaries(names, st.none() | st.just(NOW), max_size=2))
    return Facts(values=values, tallies=tallies, checklists=checklists, now=NOW)


@given(st.data(), st.lists(conditions, min_size=1, max_size=3))
def test_de_morgan(data: st.DataObject, parts: list[Condition]) -> None:
    facts = data.draw(facts_for(All(tuple(parts))))
    denied = tuple(Not(part) for part in parts)
    assert evaluate(Not(All(tuple(parts))), facts).met == evaluate(Any(denied), facts).met
    assert evaluate(Not(Any(tuple(parts))), facts).met == evaluate(All(denied), facts).met
    assert evaluate(Not(denied[0]), facts).met == evaluate(parts[0], facts).met


@given(st.data(), conditions)
def test_a_verdict_always_has_a_reason_of_its_own_kind(data: st.DataObject, condition: Condition) -> None:
    facts = data.draw(facts_for(condition))
    verdict = evaluate(condition, facts)
    assert any(reason.met is verdict.met for reason in verdict.reasons)
    assert all(reason.message.into("en") for reason in verdict.reasons)
    assert verdict.met or verdict.at is None
    if not is_time_dependent(condition):
        assert evaluate(condition, facts, ever=True) == verdict
    elif verdict.met:
        assert evaluate(condition, facts, ever=True).met


def test_a_condition_is_plain_json_when_dumped() -> None:
    value = {"webinar": "w", "watched": "12.5%", "last": "1mo", "where": {"n": [1, True]}}
    assert json.loads(json.dumps(dump(parse(value, level="account")))) == cast("object", value)
