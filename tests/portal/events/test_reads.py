"""What conditions and lists read back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest
from sqlmodel import Session

from portal.accounts.models import Account
from portal.events.reads import (
    Cursor,
    Day,
    EventFilters,
    Listed,
    last_seen,
    list_events,
    nth_event_at,
    occurrence_days,
    occurrence_days_by_member,
    occurrences,
    timeline,
)
from tests.portal.events.conftest import NOW, Feed, group, identify, track

START = datetime(2026, 11, 1, 3, 0, tzinfo=UTC)  # noon in Tokyo


def at(day: int, hour: int = 0) -> str:
    return (START + timedelta(days=day, hours=hour)).isoformat()


@pytest.fixture
async def full(feed: Feed) -> Feed:
    """Two people of one company, one of another, and two who are nobody yet."""
    await feed.send(
        track("login", user="u1", group="acme", timestamp=at(0)),
        track("login", user="u1", group="acme", timestamp=at(0, 2), properties={"via": "sso"}),
        track("login", user="u2", group="acme", timestamp=at(0, 1)),
        track("login", user="u2", group="acme", timestamp=at(3)),
        track("synced", user=None, group="acme", timestamp=at(4)),
        track("login", user="u3", group="beta", timestamp=at(1)),
        track("login", user="nobody", timestamp=at(2), messageId="waiting"),
        group("acme"),
        identify("u1", name="早川"),
        track("identify", user="u1", group="acme", timestamp=at(5)),
    )
    return feed


async def ids(feed: Feed) -> dict[str, int]:
    seen = await feed.look()
    found = {name: account.id for name, account in seen.accounts.items()}
    found |= {str(ref): member.id for (_, ref), member in seen.members.items()}
    return {name: key for name, key in found.items() if key is not None}


async def test_days_of_a_member_and_of_the_account(full: Feed) -> None:
    known = await ids(full)

    def days(session: Session, member: str | None, first: int, last: int) -> list[Day]:
        return occurrence_days(
            session,
            account_id=known["acme"],
            member_id=known[member] if member else None,
            name="login",
            first_day=date(2026, 11, first),
            last_day=date(2026, 11, last),
        )

    first = Day(date(2026, 11, 1), 3, START)
    third = Day(date(2026, 11, 4), 1, START + timedelta(days=3))
    assert await full.db.read(lambda session: days(session, None, 1, 30)) == [first, third]
    assert await full.db.read(lambda session: days(session, None, 2, 4)) == [third]
    assert await full.db.read(lambda session: days(session, "u1", 1, 30)) == [Day(date(2026, 11, 1), 2, START)]
    assert await full.db.read(lambda session: days(session, "u3", 1, 30)) == [], "a member of another account"
    by_member = await full.db.read(
        lambda session: occurrence_days_by_member(
            session,
            account_id=known["acme"],
            name="login",
            first_day=date(2026, 11, 1),
            last_day=date(2026, 11, 30),
        )
    )
    assert {member: len(days) for member, days in by_member.items()} == {known["u1"]: 1, known["u2"]: 2}


@pytest.mark.parametrize(
    ("member", "from_day", "nth", "expected"),
    [
        (None, 0, 1, START),
        (None, 0, 2, START + timedelta(hours=1)),
        (None, 0, 4, START + timedelta(days=3)),
        (None, 0, 5, None),
        (None, 1, 1, START + timedelta(days=3)),
        ("u1", 0, 2, START + timedelta(hours=2)),
        ("u1", 0, 3, None),
    ],
)
async def test_when_it_happened_for_the_nth_time(
    full: Feed, member: str | None, from_day: int, nth: int, expected: datetime | None
) -> None:
    known = await ids(full)
    found = await full.db.read(
        lambda session: nth_event_at(
            session,
            account_id=known["acme"],
            member_id=known[member] if member else None,
            name="login",
            from_at=START + timedelta(days=from_day),
            to_at=None,
            nth=nth,
        )
    )
    assert found == expected


async def test_occurrences_carry_their_properties(full: Feed) -> None:
    known = await ids(full)
    found = await full.db.read(
        lambda session: occurrences(
            session,
            account_id=known["acme"],
            member_id=None,
            name="login",
            from_at=START,
            to_at=START + timedelta(days=3),
            limit=10,
        )
    )
    assert [(one.member_id, dict(one.properties)) for one in found] == [
        (known["u1"], {}),
        (known["u2"], {}),
        (known["u1"], {"via": "sso"}),
    ]


async def test_the_list_is_newest_first_and_pages_meet_without_gap(full: Feed) -> None:
    def page(session: Session, *, cursor: Cursor | None) -> tuple[list[Listed], Cursor | None]:
        return list_events(session, EventFilters(), cursor=cursor, limit=3)

    pages: list[list[Listed]] = []
    cursor: Cursor | None = None
    while True:
        found, cursor = await full.db.read(partial(page, cursor=cursor))
        pages.append(found)
        if cursor is None:
            break
    listed = [one for found in pages for one in found]
    assert [len(found) for found in pages] == [3, 3, 2]
    assert [one.at for one in listed] == sorted((one.at for one in listed), reverse=True)
    assert len({one.message_id for one in listed}) == 8, "who somebody is, is no event"
    waiting = next(one for one in listed if one.message_id == "waiting")
    assert (waiting.account, waiting.member, waiting.source) == (None, None, "app")


async def test_filters_narrow(full: Feed) -> None:
    known = await ids(full)

    async def count(filters: EventFilters) -> int:
        return len((await full.db.read(lambda s: list_events(s, filters, cursor=None, limit=200)))[0])

    assert await count(EventFilters(account_id=known["acme"])) == 6
    assert await count(EventFilters(account_id=known["acme"], members=[(known["acme"], known["u2"])])) == 2
    assert await count(EventFilters(event="synced")) == 1
    assert await count(EventFilters(source_id=full.source_id + 1)) == 0
    assert await count(EventFilters(from_at=START + timedelta(days=1), to_at=START + timedelta(days=3))) == 2


async def test_the_timeline_of_a_customer_is_its_own(full: Feed) -> None:
    known = await ids(full)
    lines = await full.db.read(lambda session: timeline(session, account_id=known["acme"], limit=4))
    assert [line.name for line in lines] == ["identify", "synced", "login", "login"]
    before = Cursor(lines[-1].at, lines[-1].id)
    rest = await full.db.read(lambda session: timeline(session, account_id=known["acme"], limit=9, before=before))
    assert [line.at for line in rest] == [START + timedelta(hours=1), START]


async def test_when_a_customer_was_last_seen(full: Feed) -> None:
    known = await ids(full)

    def add(session: Session) -> int | None:
        session.add(silent := Account(external_id="silent", name="s", created_at=NOW, started_at=NOW, recorded_at=NOW))
        session.flush()
        return silent.id

    silent = await full.db.write(add)
    assert silent is not None
    asked = [known["acme"], known["beta"], silent]
    assert await full.db.read(lambda session: last_seen(session, account_ids=asked)) == {
        known["acme"]: START + timedelta(days=5),
        known["beta"]: START + timedelta(days=1),
    }
