"""Deadlines, and what pauses do to them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portal.checklists.deadlines import Pause, Status, days_left, effective_due, is_paused, status
from portal.kit.clock import day_end, days_between, has_passed, local_day

TOKYO = ZoneInfo("Asia/Tokyo")
NEW_YORK = ZoneInfo("America/New_York")


def jst(month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, month, day, hour, minute, second, tzinfo=TOKYO).astimezone(UTC)


DUE = jst(6, 30, 23, 59, 59)
LATER = jst(12, 31)


@pytest.mark.parametrize(
    ("pauses", "as_of", "expected"),
    [
        pytest.param([], LATER, DUE, id="no pause"),
        pytest.param([Pause(jst(6, 10), jst(6, 20))], LATER, jst(7, 10, 23, 59, 59), id="ten days more"),
        pytest.param([Pause(jst(6, 10, 9), jst(6, 10, 23))], LATER, DUE, id="within one day adds nothing"),
        pytest.param([Pause(jst(6, 10, 23), jst(6, 11, 1))], LATER, jst(7, 1, 23, 59, 59), id="over midnight, one day"),
        pytest.param([Pause(DUE, jst(7, 2))], LATER, jst(7, 2, 23, 59, 59), id="begun in the last second"),
        pytest.param([Pause(jst(7, 1), jst(7, 9))], LATER, DUE, id="begun once it had passed"),
        pytest.param([Pause(jst(7, 1))], LATER, DUE, id="open, begun once it had passed"),
        pytest.param([Pause(jst(6, 10))], LATER, None, id="open"),
        pytest.param([Pause(jst(6, 10), jst(6, 20))], jst(6, 15), None, id="ends later than we look"),
        pytest.param([Pause(jst(6, 10), jst(6, 20))], jst(6, 20), jst(7, 10, 23, 59, 59), id="ends as we look"),
        pytest.param([Pause(jst(6, 10))], jst(6, 10), None, id="begins as we look"),
        pytest.param([Pause(jst(6, 10))], jst(6, 9), DUE, id="begins after we look"),
        pytest.param(
            [Pause(jst(7, 5), jst(7, 8)), Pause(jst(6, 10), jst(6, 20))],
            LATER,
            jst(7, 13, 23, 59, 59),
            id="the second begins inside what the first gave; any order",
        ),
        pytest.param(
            [Pause(jst(6, 10), jst(6, 20)), Pause(jst(6, 15), jst(6, 25))],
            LATER,
            jst(7, 15, 23, 59, 59),
            id="overlapping days count once",
        ),
        pytest.param([Pause(jst(6, 10)), Pause(jst(6, 12), jst(6, 13))], LATER, None, id="one inside an open one"),
        pytest.param([Pause(jst(6, 10), jst(6, 10)), Pause(jst(6, 20), jst(6, 1))], LATER, DUE, id="no length at all"),
    ],
)
def test_effective_due(pauses: list[Pause], as_of: datetime, expected: datetime | None) -> None:
    assert effective_due(DUE, pauses, as_of=as_of, zone=TOKYO) == expected


def test_without_a_deadline_there_is_none() -> None:
    assert effective_due(None, [Pause(jst(6, 1), jst(6, 9))], as_of=LATER, zone=TOKYO) is None


def test_a_shift_over_summer_time_still_ends_with_the_day() -> None:
    due = day_end(date(2026, 3, 5), NEW_YORK)
    pause = Pause(datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2026, 3, 8, 12, tzinfo=UTC))
    shifted = effective_due(due, [pause], as_of=LATER, zone=NEW_YORK)
    assert shifted == day_end(date(2026, 3, 12), NEW_YORK)


instants = st.integers(0, 400 * 24).map(lambda hours: datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=hours))
pauses_ = st.lists(st.builds(Pause, instants, st.none() | instants), max_size=6)


@settings(max_examples=150, deadline=None)
@given(pauses_, instants, st.integers(0, 300))
def test_a_pause_never_brings_a_deadline_forward(pauses: list[Pause], as_of: datetime, day: int) -> None:
    due = day_end(date(2026, 1, 1) + timedelta(days=day), TOKYO)
    found = effective_due(due, pauses, as_of=as_of, zone=TOKYO)
    assert effective_due(due, reversed(pauses), as_of=as_of, zone=TOKYO) == found
    assert effective_due(due, pauses + pauses, as_of=as_of, zone=TOKYO) == found
    if found is None:
        assert is_paused(pauses, as_of=as_of)
    else:
        assert found >= due
        assert found == day_end(local_day(found, TOKYO), TOKYO)
        ended = [(pause.since, pause.until) for pause in pauses if pause.until and pause.since < pause.until <= as_of]
        assert (found - due).days <= sum(days_between(since, until, TOKYO) for since, until in ended)


@settings(max_examples=100, deadline=None)
@given(pauses_, instants, instants)
def test_what_begins_later_than_we_look_is_not_known(pauses: list[Pause], as_of: datetime, due_at: datetime) -> None:
    due = day_end(local_day(due_at, TOKYO), TOKYO)
    known = [pause for pause in pauses if pause.since <= as_of]
    assert effective_due(due, pauses, as_of=as_of, zone=TOKYO) == effective_due(due, known, as_of=as_of, zone=TOKYO)


@settings(max_examples=100, deadline=None)
@given(pauses_, instants)
def test_pauses_after_the_deadline_change_nothing(pauses: list[Pause], due_at: datetime) -> None:
    due = day_end(local_day(due_at, TOKYO), TOKYO)
    late = [pause for pause in pauses if has_passed(due, pause.since)]
    assert effective_due(due, late, as_of=LATER + timedelta(days=999), zone=TOKYO) == due


@pytest.mark.parametrize(
    ("excluded", "completed_at", "paused", "due", "as_of", "expected"),
    [
        (True, jst(6, 1), True, DUE, LATER, "excluded"),
        (False, jst(6, 1), True, DUE, LATER, "completed"),
        (False, jst(6, 2), False, DUE, jst(6, 1), "in_progress"),
        (False, None, True, DUE, LATER, "paused"),
        (False, None, False, DUE, DUE, "in_progress"),
        (False, None, False, DUE, DUE + timedelta(milliseconds=999), "in_progress"),
        (False, None, False, DUE, DUE + timedelta(seconds=1), "overdue"),
        (False, None, False, None, LATER, "in_progress"),
    ],
)
def test_status(
    excluded: bool, completed_at: datetime | None, paused: bool, due: datetime | None, as_of: datetime, expected: Status
) -> None:
    found = status(excluded=excluded, completed_at=completed_at, paused=paused, due=due, as_of=as_of)
    assert found == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (jst(6, 18, 0), 12),
        (jst(6, 18, 23, 59), 12),
        (jst(6, 30, 0), 0),
        (jst(6, 30, 23, 59, 59), 0),
        (jst(7, 1, 0), -1),
    ],
)
def test_days_left(now: datetime, expected: int) -> None:
    assert days_left(DUE, now, TOKYO) == expected
    assert days_left(None, now, TOKYO) is None


def test_is_paused_from_its_first_instant_up_to_its_end() -> None:
    pause = [Pause(jst(6, 10), jst(6, 20))]
    looks = [jst(6, 9, 23, 59, 59), jst(6, 10), jst(6, 19, 23, 59, 59), jst(6, 20)]
    assert [is_paused(pause, as_of=look) for look in looks] == [False, True, True, False]
