"""Counting by the vendor's calendar: windows, distinct values, undo, and that the order of arrival means nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.conditions.model import Comparison, EventCount, Op, Value
from portal.conditions.rules import Occurrence, Tally, tally
from portal.kit.clock import Span, local_day

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


def tokyo(text: str) -> datetime:
    """`"6-03 14:00"` of 2026 in Tokyo, as an instant."""
    return datetime.strptime(f"2026-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=TOKYO).astimezone(UTC)


START = tokyo("6-01 15:00")
NOW = tokyo("8-01 12:00")


def count(query: EventCount, *times: str, now: datetime = NOW, since: datetime | None = None) -> Tally:
    occurrences = [Occurrence(tokyo(time)) for time in times]
    return tally(occurrences, query, start=START, now=now, zone=TOKYO, since=since)


def test_without_a_window_everything_up_to_now_counts() -> None:
    answer = count(EventCount("x", 2), "1-01 00:00", "8-01 12:00", "8-01 12:01", "6-05 09:00")
    assert answer == Tally(3, 2, tokyo("6-05 09:00"))


def test_nothing_happened() -> None:
    assert count(EventCount("x")) == Tally(0, 1, None)


@pytest.mark.parametrize(
    ("span", "time", "counts"),
    [
        ("30d", "5-31 23:59", False),
        ("30d", "6-01 00:00", True),
        ("30d", "7-01 23:59", True),
        ("30d", "7-02 00:00", False),
        ("2w", "6-15 23:59", True),
        ("2w", "6-16 00:00", False),
        ("1mo", "7-01 23:59", True),
        ("1mo", "7-02 00:00", False),
    ],
)
def test_within_is_whole_days_from_the_start(span: str, time: str, counts: bool) -> None:
    answer = count(EventCount("x", within=Span.parse(span)), time)
    assert answer == Tally(int(counts), 1, tokyo(time) if counts else None)


def test_within_holds_across_a_change_of_the_clocks() -> None:
    start = datetime(2026, 3, 7, 12, tzinfo=NEW_YORK)
    query = EventCount("x", within=Span(1, "d"))
    last_second = datetime(2026, 3, 8, 23, 59, 59, tzinfo=NEW_YORK)
    for at, expected in ((last_second, 1), (last_second + timedelta(seconds=1), 0)):
        occurrences = [Occurrence(at.astimezone(UTC))]
        assert tally(occurrences, query, start=start, now=NOW, zone=NEW_YORK).count == expected


@pytest.mark.parametrize(
    ("span", "time", "counts"),
    [
        ("28d", "7-05 00:00", True),
        ("28d", "7-04 23:59", False),
        ("1d", "8-01 00:00", True),
        ("1d", "7-31 23:59", False),
        ("1mo", "7-02 00:00", True),
        ("1mo", "7-01 23:59", False),
    ],
)
def test_last_ends_with_today(span: str, time: str, counts: bool) -> None:
    answer = count(EventCount("x", last=Span.parse(span)), time)
    assert answer.count == int(counts)
    assert answer.reached_at == tokyo(time)


def test_last_remembers_when_it_first_held() -> None:
    query = EventCount("x", 3, last=Span(7, "d"))
    answer = count(query, "6-01 10:00", "6-05 10:00", "6-08 09:00", "6-11 23:00", "7-30 10:00")
    assert answer == Tally(1, 3, tokyo("6-11 23:00"))


def test_last_that_never_held() -> None:
    assert count(EventCount("x", 2, last=Span(7, "d")), "6-01 10:00", "6-08 10:00") == Tally(0, 2, None)


def test_a_window_of_no_days_holds_nothing_however_much_happens_at_once() -> None:
    assert count(EventCount("x", last=Span(0, "d")), "8-01 09:00", "8-01 09:00", "8-01 10:00") == Tally(0, 1, None)


def test_last_counts_distinct_days_in_the_window() -> None:
    query = EventCount("x", 2, last=Span(3, "d"), distinct="day")
    answer = count(query, "7-29 10:00", "7-30 10:00", "7-30 11:00", "7-31 01:00")
    assert answer == Tally(2, 2, tokyo("7-30 10:00"))


def test_days_are_days_of_the_zone() -> None:
    query = EventCount("x", 2, distinct="day")
    assert count(query, "6-03 00:30", "6-03 23:30") == Tally(1, 2, None)
    assert count(query, "6-03 23:30", "6-04 00:30") == Tally(2, 2, tokyo("6-04 00:30"))


def test_an_undo_drops_what_was_until_then() -> None:
    query = EventCount("x", 2)
    times = ("6-02 10:00", "6-03 10:00", "6-04 10:00", "6-05 10:00")
    assert count(query, *times, since=tokyo("6-03 10:00")) == Tally(2, 2, tokyo("6-05 10:00"))
    assert count(query, *times, since=tokyo("6-04 10:00")) == Tally(1, 2, None)


def test_distinct_members_and_properties() -> None:
    at = tokyo("6-02 10:00")
    minutes = [at + timedelta(minutes=minute) for minute in range(8)]
    values: list[tuple[int | None, object]] = [
        (1, "a"),
        (1, "a"),
        (None, None),
        (2, 1),
        (3, True),
        (2, 1.0),
        (2, {"k": [1]}),
        (1, {"k": [1]}),
    ]
    occurrences = [
        Occurrence(moment, member, {"cart": {"kind": value}})
        for moment, (member, value) in zip(minutes, values, strict=True)
    ]

    def answer(distinct: str) -> Tally:
        query = EventCount("x", 3, distinct=distinct)
        return tally(occurrences, query, start=START, now=NOW, zone=TOKYO)

    assert answer("member") == Tally(3, 3, minutes[4])
    assert answer("cart.kind") == Tally(4, 3, minutes[4])
    assert answer("cart.size") == Tally(0, 3, None)


COMPARED: list[tuple[str, Op, Value, dict[str, object], bool]] = [
    ("format", "eq", "pdf", {"format": "pdf"}, True),
    ("format", "eq", "pdf", {"format": "PDF"}, False),
    ("format", "eq", "pdf", {}, False),
    ("n", "eq", 1, {"n": 1.0}, True),
    ("n", "eq", 1, {"n": True}, False),
    ("n", "eq", 1, {"n": "1"}, False),
    ("n", "eq", True, {"n": True}, True),
    ("n", "eq", False, {"n": 0}, False),
    ("n", "ne", 1, {"n": 2}, True),
    ("n", "ne", 1, {"n": "1"}, True),
    ("n", "ne", 1, {}, True),
    ("n", "ne", 1, {"n": 1}, False),
    ("n", "in", (1, "a"), {"n": "a"}, True),
    ("n", "in", (1, "a"), {"n": True}, False),
    ("n", "gt", 1, {"n": 1}, False),
    ("n", "gt", 1, {"n": 1.5}, True),
    ("n", "gte", 1, {"n": 1}, True),
    ("n", "gte", 1, {"n": "2"}, False),
    ("n", "gte", 1, {"n": True}, False),
    ("n", "gte", 1, {"n": float("nan")}, False),
    ("n", "lt", 1, {"n": 10**400}, False),
    ("n", "gt", 1.5, {"n": 10**400}, True),
    ("n", "lt", 2, {"n": 1}, True),
    ("n", "lte", 2, {"n": None}, False),
    ("day", "gte", "2026-12-01", {"day": "2026-12-02"}, True),
    ("n", "contains", "b", {"n": "abc"}, True),
    ("n", "contains", "b", {"n": ["a", "b"]}, True),
    ("n", "contains", 1, {"n": [True]}, False),
    ("n", "contains", 1, {"n": "1"}, False),
    ("n", "contains", "a", {"n": {"a": 1}}, False),
    ("n", "exists", True, {"n": False}, True),
    ("n", "exists", True, {"n": None}, False),
    ("n", "exists", False, {}, True),
    ("cart.total", "gt", 10, {"cart": {"total": 11}}, True),
    ("cart.total", "gt", 10, {"cart.total": 11}, True),
    ("cart.total", "gt", 10, {"cart": 11}, False),
    ("cart.total", "gt", 10, {"cart": {"total": {"yen": 11}}}, False),
]


@pytest.mark.parametrize(("name", "op", "value", "properties", "counts"), COMPARED, ids=lambda part: str(part)[:30])
def test_where_compares_like_with_like(
    name: str, op: Op, value: Value, properties: dict[str, object], counts: bool
) -> None:
    comparison = Comparison(name, op, value)
    occurrences = [Occurrence(START, None, properties)]
    answer = tally(occurrences, EventCount("x", where=(comparison,)), start=START, now=NOW, zone=TOKYO)
    assert answer.count == int(counts)


instants = st.integers(0, 90 * 24 * 60).map(lambda minutes: START - timedelta(days=10) + timedelta(minutes=minutes))
happenings = st.builds(
    Occurrence,
    at=instants,
    member=st.none() | st.integers(1, 3),
    properties=st.fixed_dictionaries({}, optional={"p": st.sampled_from(["a", "b", 1, True])}),
)
spans = st.sampled_from([Span(1, "d"), Span(7, "d"), Span(2, "w"), Span(1, "mo")])
distincts = st.none() | st.sampled_from(["day", "member", "p"])
wheres = st.just(()) | st.just((Comparison("p", "exists", True),))
growing = st.builds(
    EventCount, st.just("x"), st.integers(1, 5), within=st.none() | spans, where=wheres, distinct=distincts
)
sliding = st.builds(EventCount, st.just("x"), st.integers(1, 4), last=spans, where=wheres, distinct=distincts)


@given(st.data(), st.lists(happenings, max_size=12), growing | sliding, instants, st.none() | instants)
def test_the_order_of_arrival_means_nothing(
    data: st.DataObject, occurrences: list[Occurrence], query: EventCount, now: datetime, since: datetime | None
) -> None:
    shuffled = data.draw(st.permutations(occurrences))
    one, other = (
        tally(given_so, query, start=START, now=now, zone=TOKYO, since=since) for given_so in (occurrences, shuffled)
    )
    assert one == other


@given(st.lists(happenings, max_size=12), happenings, growing, instants)
def test_one_more_event_never_takes_anything_back(
    occurrences: list[Occurrence], late: Occurrence, query: EventCount, now: datetime
) -> None:
    before = tally(occurrences, query, start=START, now=now, zone=TOKYO)
    after = tally([*occurrences, late], query, start=START, now=now, zone=TOKYO)
    assert after.count >= before.count
    if before.reached_at is not None:
        assert after.reached_at is not None
        assert after.reached_at <= before.reached_at


@given(st.lists(happenings, max_size=12), growing, instants)
def test_enough_is_exactly_reached(occurrences: list[Occurrence], query: EventCount, now: datetime) -> None:
    answer = tally(occurrences, query, start=START, now=now, zone=TOKYO)
    assert (answer.reached_at is not None) is (answer.count >= answer.needed)


@given(st.lists(happenings, max_size=12), sliding, instants)
def test_the_sliding_window_agrees_with_asking_at_every_instant(
    occurrences: list[Occurrence], query: EventCount, now: datetime
) -> None:
    assert query.last is not None
    held = {}
    for moment in sorted({occurrence.at for occurrence in occurrences if occurrence.at <= now} | {now}):
        opens = query.last.before(local_day(moment, TOKYO))
        inside = [o for o in occurrences if o.at <= moment and local_day(o.at, TOKYO) > opens]
        counted = EventCount("x", query.at_least, where=query.where, distinct=query.distinct)
        held[moment] = tally(inside, counted, start=START, now=moment, zone=TOKYO).count
    answer = tally(occurrences, query, start=START, now=now, zone=TOKYO)
    assert answer.count == held[now]
    assert answer.reached_at == next((moment for moment, number in held.items() if number >= query.at_least), None)
