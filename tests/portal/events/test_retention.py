"""Raw events go when their time is over, a few at a time; what they came to stays; and all can be taken out."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.conditions.model import EventCount
from portal.conditions.service import Subject, ask
from portal.events import export, retention, rotation
from portal.events.ingest import record
from portal.events.models import Event
from portal.events.reads import EventFilters
from portal.events.sources import add_source
from tests.portal.events.conftest import NOW, SECRETS, TOKYO, Feed, track

LONG_AGO = NOW - timedelta(days=800)


async def names(feed: Feed) -> list[str]:
    asked = select(col(Event.name)).order_by(col(Event.at), col(Event.id))
    return [str(name) for name in await feed.db.read(lambda session: list(session.execute(asked).scalars()))]


async def forget(feed: Feed) -> None:
    await retention.forget_events(feed.db, now=NOW)


async def test_old_events_go_and_their_figures_stay(feed: Feed) -> None:
    at = {"timestamp": LONG_AGO.isoformat()}
    await feed.send(track("old", group="acme", **at), track("old", group="acme", **at), now=LONG_AGO)
    await feed.send(track("new", group="acme"), now=NOW - timedelta(days=100))
    days = (await feed.look()).days
    assert await names(feed) == ["old", "old", "new"]
    await forget(feed)
    assert await names(feed) == ["new"]
    assert (await feed.look()).days == days


async def test_what_came_in_lately_is_kept_to_be_recognised(feed: Feed) -> None:
    late = track("old", group="acme", timestamp=LONG_AGO.isoformat(), messageId="late")
    await feed.send(late)
    await forget(feed)
    assert (await feed.send(late)).duplicates == 1


async def test_each_source_by_its_own_setting_and_the_portal_never(feed: Feed) -> None:
    await feed.send(track("a", group="acme"), now=NOW - timedelta(days=120))
    account_id = feed.told[0].account_id

    def happen(session: Session) -> None:
        then = NOW - timedelta(days=3000)
        record(
            session,
            account_id=account_id,
            member_id=None,
            name="article.read",
            at=then,
            properties={"document": "x"},
            message_id="r1",
            now=then,
            zone=TOKYO,
        )

    await feed.db.write(happen)
    await forget(feed)
    assert await names(feed) == ["article.read", "a"]
    await feed.db.write(lambda session: rotation.keep_for(session, rotation.source_of(session, feed.source_id), 3))
    await forget(feed)
    assert await names(feed) == ["article.read"]


async def test_a_few_at_a_time_and_each_once(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "LOOKED_AT", 3)
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    other = await feed.db.write(lambda session: add_source(session, SECRETS, name="kept longer", now=NOW))
    await feed.db.write(lambda session: rotation.keep_for(session, rotation.source_of(session, other.id), 120))
    same = {"timestamp": LONG_AGO.isoformat()}
    mixed = [track(f"gone {number}", group="acme", **same) for number in range(4)]
    await feed.send(*mixed, now=LONG_AGO)
    kept = Feed(feed.db, other.id)
    await kept.send(*(track(f"kept {number}", group="acme", **same) for number in range(4)), now=LONG_AGO)
    await feed.send(*(track(f"gone {number}", group="acme", **same) for number in range(4, 7)), now=LONG_AGO)
    await forget(feed)
    assert await names(feed) == [f"kept {number}" for number in range(4)]


async def test_counts_by_rule_hold_and_their_moment_is_the_last_of_the_day(feed: Feed) -> None:
    first, second = LONG_AGO, LONG_AGO + timedelta(hours=1)
    sent = [track("login", group="acme", timestamp=at.isoformat()) for at in (first, second)]
    await feed.send(*sent, now=LONG_AGO + timedelta(hours=2))
    subject = Subject(feed.told[0].account_id, None, LONG_AGO, {}, {})

    async def answer(**more: Any) -> tuple[bool, Any]:
        condition = EventCount("login", at_least=2, **more)
        verdict = await feed.db.read(lambda session: ask(session, condition, subject, now=NOW, zone=TOKYO, ever=True))
        return verdict.met, verdict.at

    assert await answer() == (True, second)
    await forget(feed)
    assert await answer() == (True, second)
    # Said at the setting: what looks into the events no longer sees them.
    assert await answer(distinct="kind") == (False, None)


async def test_everything_can_be_taken_out_oldest_first(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export, "AT_ONCE", 2)
    hours = (5, 1, 3, 3, 9)
    sent = [
        track(f"e{number}", group="acme", timestamp=(NOW - timedelta(hours=ago)).isoformat(), messageId=f"m{number}")
        for number, ago in enumerate(hours)
    ]
    await feed.send(*sent, track("waits", user="u9", messageId="m9"))

    async def taken(filters: EventFilters) -> list[dict[str, Any]]:
        chunks = [chunk async for chunk in export.jsonl(feed.db, filters)]
        assert all(chunk.count(b"\n") <= 2 for chunk in chunks)
        return [orjson.loads(line) for line in b"".join(chunks).splitlines()]

    everything = await taken(EventFilters(source_id=feed.source_id))
    assert [one["message_id"] for one in everything] == ["m4", "m0", "m2", "m3", "m1", "m9"]
    assert everything[0] == {
        "message_id": "m4",
        "event": "e4",
        "at": "2026-12-01T00:00:00Z",
        "received_at": "2026-12-01T09:00:00Z",
        "source": "app",
        "account": "acme",
        "member": "u1",
        "properties": {},
    }
    assert [one["event"] for one in await taken(EventFilters(event="e3"))] == ["e3"]
    assert await taken(EventFilters(source_id=feed.source_id + 1000)) == []


def test_a_file_is_named_whatever_the_source_is_called() -> None:
    said = export.as_file('製品 "A"\r\n/..')["Content-Disposition"]
    assert said.isascii()
    assert "\n" not in said
    assert said.startswith('attachment; filename="A.jsonl"; ')
