"""What a source sent, taken or not: counted by day, the latest of it shown, and its events described."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from portal.events import activity, deliveries, live
from portal.events.activity import note_refused, refused_of
from portal.events.live import LiveFilters
from portal.events.models import SourceDay, TurnedAway
from portal.kit.clock import local_day
from portal.kit.db import Database
from tests.portal.events.conftest import NOW, TOKYO, Feed, group, identify, track

TODAY = local_day(NOW, TOKYO)


async def figures(feed: Feed) -> list[tuple[str, int, int, int]]:
    asked = select(SourceDay).order_by(col(SourceDay.name))
    rows = await feed.db.read(lambda session: list(session.execute(asked).scalars()))
    return [(row.name, row.accepted, row.duplicates, row.rejected) for row in rows]


async def refuse(feed: Feed, message: object, code: str = "invalid_event") -> None:
    refused = refused_of([message], [(0, code)])
    assert refused is not None
    await feed.db.write(lambda session: note_refused(session, feed.source_id, [refused], received_at=NOW, zone=TOKYO))


async def lines(feed: Feed, **filters: Any) -> list[live.LiveLine]:
    return await feed.db.read(lambda session: live.latest(session, feed.source_id, LiveFilters(**filters)))


async def test_every_message_is_in_exactly_one_figure(feed: Feed) -> None:
    await feed.send(
        group("acme"),
        identify("u1", group="acme", email="a@acme.example"),
        identify("u2", group="acme", email="a@acme.example", messageId="taken"),
        track("login", group="acme", messageId="m1"),
        track("login", group="acme", messageId="m1"),
        track("login", user="u9", messageId="m2"),
    )
    await feed.send(track("login", group="acme", messageId="m1"), track("sent", group="acme", messageId="m3"))
    await refuse(feed, {"event": ""})
    assert await figures(feed) == [
        ("", 0, 2, 2),
        ("group", 1, 0, 0),
        ("identify", 1, 0, 0),
        ("login", 2, 0, 0),
        ("sent", 1, 0, 0),
    ]
    days = await feed.db.read(lambda session: live.daily(session, [feed.source_id], first_day=TODAY))
    assert days == {feed.source_id: [live.Figures(TODAY, accepted=5, duplicates=2, rejected=2)]}


async def test_the_latest_says_what_became_of_each_and_why(feed: Feed) -> None:
    await feed.send(track("login", group="acme", messageId="m1"), track("login", user="u9", messageId="m2"))
    await feed.send(track("login", group="acme", messageId="m1"), now=NOW + timedelta(seconds=1))
    await refuse(feed, {"event": "", "userId": "u1"})
    told = await lines(feed)
    assert sorted((line.status, line.name, line.account, line.member) for line in told) == [
        ("accepted", "login", "acme", "u1"),
        ("duplicate", "", "", ""),
        ("rejected", "", "", ""),
        ("waiting", "login", "", "u9"),
    ]
    assert told[0].status == "duplicate"
    assert told[0].sample == '{"messageId":["m1"]}'
    rejected = next(line for line in told if line.status == "rejected")
    assert (dict(rejected.codes), rejected.sample) == ({"invalid_event": 1}, '{"event":"","userId":"u1"}')


async def test_a_webhook_that_was_refused_is_among_the_rejected(feed: Feed) -> None:
    refused = deliveries.Refused(NOW, 401, "bad_signature", None, "wh_1", "invoice.paid")
    await feed.db.write(lambda session: deliveries.note_refused(session, feed.source_id, refused))
    (line,) = await lines(feed, status="rejected")
    assert (line.name, dict(line.codes), "wh_1" in line.sample) == ("invoice.paid", {"bad_signature": 1}, True)
    assert await lines(feed, status="duplicate") == []


FILTERED: list[tuple[dict[str, Any], list[str]]] = [
    ({}, ["rejected", "a", "b", "waits"]),
    ({"name": "a"}, ["a"]),
    ({"account": "acme"}, ["a"]),
    ({"account": "nobody"}, []),
    ({"member": "u2"}, ["b"]),
    ({"member": "u9"}, ["waits"]),
    ({"status": "accepted"}, ["a", "b"]),
    ({"status": "waiting"}, ["waits"]),
    ({"status": "rejected"}, ["rejected"]),
    ({"status": "duplicate"}, []),
    ({"status": "rejected", "name": "a"}, []),
]


async def test_filters(feed: Feed) -> None:
    await feed.send(track("a", user="u1", group="acme"), track("b", user="u2", group="beta"), track("waits", user="u9"))
    await refuse(feed, {"event": ""})
    for filters, expected in FILTERED:
        assert sorted(line.name or line.status for line in await lines(feed, **filters)) == sorted(expected), filters


async def test_another_source_is_another_matter(feed: Feed, db: Database) -> None:
    await feed.send(track("a", group="acme"))
    other = feed.source_id + 1000
    assert await db.read(lambda session: live.latest(session, other, LiveFilters())) == []
    assert await db.read(lambda session: live.seen_events(session, other)) == []


async def test_the_catalogue_knows_counts_days_and_types(feed: Feed) -> None:
    long_ago = NOW - timedelta(days=40)
    await feed.send(
        track("sent", group="acme", timestamp=long_ago.isoformat(), properties={"total": 3, "to": None}),
        track("sent", group="acme", properties={"total": "three", "tags": ["x"], "at": {"x": 1}, "paid": True}),
        track("login", user="u9"),
    )
    seen = await feed.db.read(lambda session: live.seen_events(session, feed.source_id))
    assert [(one.name, one.count, one.first_at, one.last_at) for one in seen] == [
        ("login", 1, NOW, NOW),
        ("sent", 2, long_ago, NOW),
    ]
    assert seen[1].properties == {
        "at": ("object",),
        "paid": ("boolean",),
        "tags": ("array",),
        "to": ("null",),
        "total": ("number", "string"),
    }
    assert await feed.db.read(lambda session: live.ever_seen(session, ["login", "never"])) == {"login"}


async def test_what_is_turned_away_is_kept_short_and_not_for_ever(feed: Feed) -> None:
    def flood(session: Session) -> None:
        for _ in range(activity.KEPT // activity.NOTED_TOGETHER + 5):
            refused = [refused_of([{"event": "x" * 5000}], [(0, "too_large")])] * (activity.NOTED_TOGETHER + 7)
            note_refused(session, feed.source_id, [one for one in refused if one], received_at=NOW, zone=TOKYO)

    await feed.db.write(flood)
    counted = select(func.count(), func.max(func.length(col(TurnedAway.sample)))).select_from(TurnedAway)
    rows, longest = await feed.db.read(lambda session: session.execute(counted).one())
    assert activity.KEPT <= rows < activity.KEPT + activity.NOTED_TOGETHER + activity.TRIMMED_EVERY
    assert longest == activity.SAMPLE_CHARS
    # Nothing is lost in the figures.
    assert await figures(feed) == [("", 0, 0, 15 * 27)]
    later = NOW + activity.KEPT_FOR + timedelta(seconds=1)
    await feed.db.write(lambda session: activity.forget_turned_away(session, now=later))
    assert await feed.db.read(lambda session: session.execute(counted).one()[0]) == 0


async def test_whatever_was_sent_can_be_kept(feed: Feed) -> None:
    strange: list[object] = ["\0", {"a": "\0\ud800"}, [float("nan")], {"a": {1}}, "é" * 3000]
    for message in strange:
        await refuse(feed, message, "invalid_value")
    assert len(await lines(feed, status="rejected")) == len(strange)
