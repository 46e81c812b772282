"""A source that sends, and a look at everything that came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import Session, col, select

from portal.accounts import changes, one_person
from portal.accounts.models import Account, Member
from portal.events import ingest as ingest_module
from portal.events import merging
from portal.events.ingest import Outcome, ingest, subscribe
from portal.events.models import Event, EventDay
from portal.events.rollups import Recorded
from portal.events.rules import Incoming, parse
from portal.events.sources import add_source
from portal.kit.db import Database
from portal.kit.secrets import Secrets

NOW = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
TOKYO = ZoneInfo("Asia/Tokyo")
SECRETS = Secrets("a secret key of thirty-two characters or more")


def read(message: dict[str, Any], *, now: datetime = NOW) -> Incoming:
    found = parse(message, received_at=now)
    assert isinstance(found, Incoming), found
    return found


def track(event: str = "login", *, user: str | None = "u1", group: str | None = None, **more: Any) -> dict[str, Any]:
    context = {"groupId": group} if group else {}
    return {"type": "track", "event": event, "userId": user, "anonymousId": "a", "context": context, **more}


def identify(user: str = "u1", *, group: str | None = None, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "userId": user, "traits": traits, "context": {"groupId": group} if group else {}}


def group(name: str = "acme", /, *, user: str | None = "u1", **traits: Any) -> dict[str, Any]:
    return {"type": "group", "groupId": name, "userId": user, "anonymousId": "a", "traits": traits}


def alias(previous: str, person: str, **more: Any) -> dict[str, Any]:
    return {"type": "alias", "previousId": previous, "userId": person, **more}


@dataclass
class Seen:
    """What is in the database, in the words of senders."""

    accounts: dict[str, Account]
    members: dict[tuple[str, str | None], Member]
    owners: list[tuple[str, str | None, str | None]]
    """Of every event: its name, its account and its member."""
    days: list[tuple[str, str, str, str | None, int, datetime, datetime]]
    events: list[Event]


def look(session: Session) -> Seen:
    accounts = {one.id: one for one in session.exec(select(Account))}
    members = {one.id: one for one in session.exec(select(Member))}
    events = list(session.exec(select(Event).order_by(col(Event.at), col(Event.id))))
    days = list(session.exec(select(EventDay)))

    def account(key: int | None) -> str | None:
        return accounts[key].external_id if key else None

    def member(key: int | None) -> str | None:
        return members[key].external_id if key else None

    return Seen(
        accounts={one.external_id: one for one in accounts.values()},
        members={(str(account(one.account_id)), one.external_id): one for one in members.values()},
        owners=[(one.name, account(one.account_id), member(one.member_id)) for one in events],
        days=sorted(
            (
                (
                    str(account(one.account_id)),
                    one.name,
                    one.day.isoformat(),
                    member(one.member_id),
                    one.count,
                    one.first_at,
                    one.last_at,
                )
                for one in days
            ),
            key=str,
        ),
        events=events,
    )


@dataclass
class Feed:
    """One source, and what listeners were told."""

    db: Database
    source_id: int
    told: list[Recorded] = field(default_factory=list)

    async def send(self, *messages: dict[str, Any], now: datetime = NOW, **options: Any) -> Outcome:
        incomings = [read(message, now=now) for message in messages]
        return await self.db.write(
            lambda session: ingest(session, incomings, source_id=self.source_id, received_at=now, zone=TOKYO, **options)
        )

    async def look(self) -> Seen:
        return await self.db.read(look)


@pytest.fixture
async def feed(db: Database, nobody_else_listens: None) -> AsyncIterator[Feed]:
    source = await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))
    feed = Feed(db, source.id)
    leave = subscribe(lambda _session, recorded, _now: feed.told.extend(recorded))
    yield feed
    leave()


@pytest.fixture(autouse=True)
def nobody_else_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests are about this room alone, even where an earlier test has put a whole portal together; what it does
    when two entries of one person become one is its own."""
    monkeypatch.setattr(one_person.joined, "_listeners", [merging.join_people])
    monkeypatch.setattr(changes, "_subscribers", changes.Subscribers())
    monkeypatch.setattr(ingest_module.subscribers, "_listeners", [])
