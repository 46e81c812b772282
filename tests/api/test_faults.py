"""What must hold when the machine fails: a full disk, a clock that jumps, a source that floods."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import Session, select

from portal.events.models import Event, EventDay
from tests.api.conftest import Api, code_of

TRACK = {"type": "track", "event": "login", "userId": "u1", "context": {"groupId": "acme"}}


def batch(name: str, *, size: int = 100) -> dict[str, Any]:
    text = {"text": "x" * 2_000}
    return {"batch": [{**TRACK, "messageId": f"{name}-{number}", "properties": text} for number in range(size)]}


async def on_record(api: Api) -> tuple[set[str], int]:
    """The message ids, and how many events the roll-ups count."""

    def work(session: Session) -> tuple[set[str], int]:
        ids = set(session.exec(select(Event.message_id)))
        return ids, sum(session.exec(select(EventDay.count)))

    return await api.db.read(work)


# --- a full disk ------------------------------------------------------------------------------------------------------


def pages(api: Api, allowed: Callable[[int], int]) -> None:
    """Let the database file have so many pages: to SQLite the end of that is the end of the disk."""
    connection = api.db._writer._engine.raw_connection()  # type: ignore[attr-defined]
    [[now]] = connection.execute("PRAGMA page_count")
    connection.execute(f"PRAGMA max_page_count={allowed(now)}")


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_a_full_disk_is_told_and_nothing_is_half_written(api: Api) -> None:
    assert (await api.send("track", {**TRACK, "messageId": "first"})).status_code == 200
    pages(api, lambda now: now + 120)
    taken = {"first"}
    refused = None
    for number in range(10):
        body = batch(str(number))
        answer = await api.send("batch", body)
        if answer.status_code != 200:
            assert code_of(answer, 503) == "unavailable"
            assert int(answer.headers["retry-after"]) > 0
            refused = body
            break
        taken |= {message["messageId"] for message in body["batch"]}
    assert refused is not None
    assert len(taken) > 1, "some of it did fit"
    assert await on_record(api) == (taken, len(taken))

    pages(api, lambda _: 2**30)
    assert (await api.send("batch", refused)).json()["accepted"] == 100
    taken |= {message["messageId"] for message in refused["batch"]}
    assert await on_record(api) == (taken, len(taken))


# --- a clock that jumps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-48, 48])
async def test_a_clock_that_jumps_loses_and_doubles_nothing(api: Api, hours: int) -> None:
    happened = api.clock() - timedelta(days=10)
    message = {**TRACK, "messageId": "before", "timestamp": happened.isoformat()}
    assert (await api.send("track", message)).json()["accepted"] == 1
    api.clock.forward(hours=hours)
    assert (await api.send("track", message)).json()["duplicates"] == 1
    for name in ("after", "after that"):
        late = {**message, "messageId": name}
        assert (await api.send("track", late)).json()["accepted"] == 1
    api.clock.forward(hours=-hours)
    assert (await api.send("track", {**message, "messageId": "after"})).json()["duplicates"] == 1
    assert (await on_record(api)) == ({"before", "after", "after that"}, 3)
    assert {event["at"] for event in await api.events()} == {happened.isoformat().replace("+00:00", "Z")}


async def test_what_happens_while_the_clock_is_behind_lies_not_in_the_future(api: Api) -> None:
    api.clock.forward(hours=-1)
    ahead = {**TRACK, "timestamp": (api.clock() + timedelta(hours=1)).isoformat(), "messageId": "m"}
    assert (await api.send("track", ahead)).json()["accepted"] == 1
    [event] = await api.events()
    assert event["at"] == event["received_at"]


# --- a flood ----------------------------------------------------------------------------------------------------------


async def test_who_sends_too_much_is_told_when_to_come_back(api: Api) -> None:
    await api.set_source(events_per_second=10)
    first = await api.send("batch", batch("flood"))
    assert first.status_code == 200, "one batch is never too large for a limit"
    assert first.headers["ratelimit-policy"] == '"events";q=10;w=1'
    assert first.headers["ratelimit"].startswith('"events";r=0;t=')
    api.clock.forward(hours=1)  # of no use: limits have a clock that nobody sets
    for call, body in (("track", TRACK), ("batch", batch("more"))):
        answer = await api.send(call, body)
        assert code_of(answer, 429) == "too_many_requests"
        assert 1 <= int(answer.headers["retry-after"]) <= 10
        assert answer.headers["ratelimit"].startswith('"events";r=0;t=')
        assert answer.json()["message"] == answer.json()["detail"], "where clients of the dialect look for it"
    assert len((await on_record(api))[0]) == 100


async def test_a_page_can_read_when_to_come_back(api: Api) -> None:
    await api.set_source(events_per_second=1)
    answers = [await api.browse("track", {"event": "x", "anonymousId": "a"}) for _ in range(3)]
    assert answers[0].status_code == 200
    assert answers[-1].status_code == 429
    assert "Retry-After" in answers[-1].headers["access-control-expose-headers"]
    assert answers[-1].headers["access-control-allow-origin"]


async def test_many_empty_parts_are_no_way_to_keep_it_busy(api: Api) -> None:
    body = gzip.compress(b"") * 25_000
    begun = time.process_time()
    answer = await api.client.post("/api/v1/batch", content=body, auth=(api.source.write_key, ""))
    assert code_of(answer, 400) == "malformed"
    assert time.process_time() - begun < 0.5
