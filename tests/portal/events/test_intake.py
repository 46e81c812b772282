"""Requests that arrive together go in together, and none of them can tell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import pytest
from sqlmodel import Session

from portal.events.ingest import Outcome, subscribe
from portal.events.intake import TOGETHER, WAITING, Intake
from portal.events.rollups import Recorded
from portal.events.rules import Incoming
from portal.events.sources import KnownSource, add_source
from portal.kit.db import open_database
from portal.kit.errors import TooMany, Unavailable
from tests.portal.events.conftest import NOW, SECRETS, TOKYO, Feed, identify, read, track

Take = Callable[..., asyncio.Task[Outcome]]
ONE = Outcome(accepted=1)


@pytest.fixture
def take(feed: Feed) -> Take:
    """Starts one request; the returned task has its outcome."""
    intake = Intake(feed.db, zone=TOKYO)
    first = KnownSource(feed.source_id, "app", (), "", None)

    def start(*messages: dict[str, Any] | Incoming, source: KnownSource = first) -> asyncio.Task[Outcome]:
        incomings = [read(one) if isinstance(one, dict) else one for one in messages]
        return asyncio.create_task(intake.take(incomings, source=source, received_at=NOW))

    return start


def batches() -> list[int]:
    """The sizes of the batches that listeners hear of from now on."""
    sizes: list[int] = []
    subscribe(lambda _session, recorded, _now: sizes.append(len(recorded)))
    return sizes


def message(name: str, **more: Any) -> dict[str, Any]:
    return track(group="acme", messageId=name, **more)


async def test_who_comes_while_one_is_written_goes_together(feed: Feed, take: Take) -> None:
    sizes = batches()
    outcomes = await asyncio.gather(*(take(message(f"m{number}")) for number in range(20)))
    assert outcomes == [ONE] * 20
    assert sum(sizes) == 20
    assert len(sizes) <= 2
    assert len((await feed.look()).events) == 20


async def test_each_is_told_what_became_of_its_own(take: Take) -> None:
    first = take(message("a"))
    together = [take(message("b"), message("c"), message("b")), take(message("a"), message("c")), take(message("d"))]
    assert await first == ONE
    assert await asyncio.gather(*together) == [
        Outcome(accepted=2, duplicates=1),
        Outcome(duplicates=2),
        ONE,
    ]


async def test_who_somebody_is_is_told_alone(feed: Feed, take: Take) -> None:
    await feed.send(track(user="u1", group="acme"), identify("u1", group="acme", email="taken@acme.example"))
    sizes = batches()
    tasks = [
        take(message("a", user="u2")),
        take(message("b", user="u2")),
        take(identify("u2", group="acme", email="taken@acme.example")),
        take(message("c", user="u2")),
        take(identify("u2", group="acme", name="早川")),
    ]
    outcomes = await asyncio.gather(*tasks)
    assert outcomes == [ONE, ONE, Outcome(rejected=((0, "email_taken"),)), ONE, ONE]
    assert (await feed.look()).members["acme", "u2"].name == "早川"
    assert sizes == [2, 1]


async def test_what_breaks_a_batch_costs_only_who_brought_it(feed: Feed, take: Take) -> None:
    def refuse(_session: Session, recorded: Sequence[Recorded], _now: datetime) -> None:
        if any(event.message_id == "bad" for event in recorded):
            raise LookupError("bad")

    subscribe(refuse)
    tasks = [take(message(name)) for name in ("a", "b", "bad", "c")]
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [outcome for outcome in outcomes if not isinstance(outcome, LookupError)] == [ONE] * 3
    assert isinstance(outcomes[2], LookupError)
    assert {event.message_id for event in (await feed.look()).events} == {"a", "b", "c"}
    assert await take(message("d")) == ONE


async def test_who_gives_up_stops_nobody(feed: Feed, take: Take) -> None:
    tasks = [take(message(name)) for name in ("a", "b", "c")]
    await asyncio.sleep(0)
    tasks[0].cancel()
    tasks[1].cancel()
    assert await tasks[2] == ONE
    assert await take(message("d")) == ONE
    assert {"c", "d"} <= {event.message_id for event in (await feed.look()).events}


async def test_no_batch_grows_without_end(take: Take) -> None:
    sizes = batches()
    large = [[message(f"{part}-{number}") for number in range(TOGETHER * 2 // 5)] for part in range(6)]
    outcomes = await asyncio.gather(*(take(*messages) for messages in large))
    assert [outcome.accepted for outcome in outcomes] == [TOGETHER * 2 // 5] * 6
    assert max(sizes) <= TOGETHER


async def test_each_source_has_a_queue_of_its_own(feed: Feed, take: Take) -> None:
    other = await feed.db.write(lambda session: add_source(session, SECRETS, name="other", now=NOW))
    second = KnownSource(other.id, "other", (), "", None)
    outcomes = await asyncio.gather(*[take(message("a")), take(message("a"), source=second), take(message("b"))])
    assert outcomes == [ONE] * 3
    assert {event.source_id for event in (await feed.look()).events} == {feed.source_id, other.id}


async def test_a_flood_of_one_source_holds_up_no_other(feed: Feed, take: Take) -> None:
    other = await feed.db.write(lambda session: add_source(session, SECRETS, name="other", now=NOW))
    second = KnownSource(other.id, "other", (), "", None)
    flood = [take(*(message(f"{part}-{number}") for number in range(1000))) for part in range(WAITING // 1000)]
    await asyncio.sleep(0)  # all of it is queued
    assert await take(message("a"), source=second) == ONE
    unanswered = sum(not request.done() for request in flood)
    assert unanswered >= len(flood) - 3, "it waited for more than the batch that was being written"
    await asyncio.gather(*flood)


async def test_a_queue_that_is_full_takes_no_more(take: Take) -> None:
    flood = [take(*(message(f"{part}-{number}") for number in range(1000))) for part in range(WAITING // 1000)]
    late = take(message("one too many"))
    with pytest.raises(TooMany) as raised:
        await late
    assert raised.value.retry_after == 1
    await asyncio.gather(*flood)
    assert await take(message("one too many")) == ONE


async def test_everybody_hears_when_the_database_is_away() -> None:
    nowhere = open_database("postgresql://nobody@127.0.0.1:1/nothing")
    intake = Intake(nowhere, zone=TOKYO)
    source = KnownSource(1, "app", (), "", None)
    brought = [intake.take([read(message(name))], source=source, received_at=NOW) for name in ("a", "b", "c")]
    outcomes = await asyncio.gather(*brought, return_exceptions=True)
    await nowhere.close()
    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
