"""Sources and their keys."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from sqlalchemy import text, update
from sqlmodel import Session

from portal.events.models import Source
from portal.events.sources import (
    add_source,
    is_known_origin,
    normal_origin,
    note_seen,
    portal_source_id,
    source_called,
    source_named,
    source_of_public_key,
    source_of_write_key,
)
from portal.kit.db import Database
from portal.kit.errors import Conflict, Invalid
from portal.kit.secrets import hash_token
from tests.portal.events.conftest import NOW, SECRETS


async def test_four_keys_none_of_the_secret_ones_readable_in_the_database(db: Database) -> None:
    made = await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))
    assert [key[: key.index("_") + 1] for key in (made.public_key, made.write_key)] == ["pk_", "wk_"]
    assert made.signing_secret.startswith("ws_")
    assert len(base64.b64decode(made.webhook_secret.removeprefix("whsec_"), validate=True)) == 32
    stored = await db.read(lambda session: str(session.connection().execute(text("SELECT * FROM source")).all()))
    assert made.public_key in stored
    for secret in (made.write_key, made.webhook_secret, made.signing_secret):
        assert secret not in stored
    found = await db.read(lambda session: source_of_write_key(session, made.write_key, now=NOW))
    assert found is not None
    assert SECRETS.decrypt(found.signing_secret) == made.signing_secret


async def test_a_key_opens_its_own_source_until_it_is_revoked(db: Database) -> None:
    one = await db.write(lambda session: add_source(session, SECRETS, name="one", now=NOW))
    await db.write(lambda session: add_source(session, SECRETS, name="two", now=NOW))

    async def names() -> list[str | None]:
        found = [
            await db.read(lambda session: source_of_write_key(session, one.write_key, now=NOW)),
            await db.read(lambda session: source_of_public_key(session, one.public_key, now=NOW)),
        ]
        return [source.name if source else None for source in found]

    assert await names() == ["one", "one"]
    assert await db.read(lambda session: source_of_write_key(session, one.public_key, now=NOW)) is None
    await db.write(lambda s: s.connection().execute(text("UPDATE source SET revoked_at = created_at")).close())
    assert await names() == [None, None]


@pytest.mark.parametrize(("seconds", "is_open"), [(-1, True), (0, False), (1, False)])
async def test_the_previous_write_key_counts_until_its_time_is_over(db: Database, seconds: int, is_open: bool) -> None:
    made = await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))
    former = {"previous_write_key_hash": hash_token("wk_former"), "previous_write_key_until": NOW}
    await db.write(lambda session: session.connection().execute(update(Source).values(former)).close())
    now = NOW + timedelta(seconds=seconds)
    found = await db.read(lambda session: source_of_write_key(session, "wk_former", now=now))
    assert (found is not None) is is_open
    assert await db.read(lambda session: source_of_write_key(session, made.write_key, now=now)) is not None


@pytest.mark.parametrize(("seconds", "count"), [(-1, 2), (0, 1)])
async def test_previous_secrets_count_until_their_time_is_over(db: Database, seconds: int, count: int) -> None:
    await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))
    former = {f"previous_{one}_secret": SECRETS.encrypt("former") for one in ("webhook", "signing")}
    until = {f"{name}_until": NOW for name in former}
    await db.write(lambda session: session.connection().execute(update(Source).values(former | until)).close())
    found = await db.read(lambda session: source_called(session, "app", now=NOW + timedelta(seconds=seconds)))
    assert found is not None
    assert len(found.webhook_secrets) == len(found.signing_secrets) == count
    assert [SECRETS.decrypt(one) for one in found.webhook_secrets[1:]] == ["former"] * (count - 1)


@pytest.mark.parametrize("name", ["app", "portal", "app "])
async def test_a_name_is_taken_once(db: Database, name: str) -> None:
    await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))
    with pytest.raises(Conflict):
        await db.write(lambda session: add_source(session, SECRETS, name=name, now=NOW))


@pytest.mark.parametrize(
    ("name", "origins", "fields"),
    [
        ("", [], ["name"]),
        ("n" * 101, [], ["name"]),
        ("app", ["*"], ["origins.0"]),
        ("app", ["https://ok.example", "app.example"], ["origins.1"]),
        (" ", ["ftp://x.example", "https://x.example/path"], ["name", "origins.0", "origins.1"]),
    ],
)
async def test_every_fault_of_a_new_source_is_named(
    db: Database, name: str, origins: list[str], fields: list[str]
) -> None:
    with pytest.raises(Invalid) as raised:
        await db.write(lambda session: add_source(session, SECRETS, name=name, origins=origins, now=NOW))
    assert [problem.field for problem in raised.value.problems] == fields


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("https://app.example.com", "https://app.example.com"),
        ("https://App.Example.com:443/", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://app.example:80", "http://app.example"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("https://*.example.com", None),
        ("https://user@app.example", None),
        ("https://app.example/?a", None),
        ("https://app.example:99999", None),
        ("https://例え.jp", None),
        ("null", None),
        ("", None),
    ],
)
def test_origins_are_kept_as_browsers_write_them(given: str, normal: str | None) -> None:
    assert normal_origin(given) == normal


async def test_a_preflight_knows_the_origins_of_live_sources(db: Database) -> None:
    origins = ["https://app.example"]
    await db.write(lambda session: add_source(session, SECRETS, name="app", origins=origins, now=NOW))
    assert await db.read(lambda session: is_known_origin(session, "https://app.example"))
    assert not await db.read(lambda session: is_known_origin(session, "https://app.example.evil"))
    await db.write(lambda s: s.connection().execute(text("UPDATE source SET revoked_at = created_at")).close())
    assert not await db.read(lambda session: is_known_origin(session, "https://app.example"))


async def test_the_portals_own_source_is_made_once_and_opens_to_nobody(db: Database) -> None:
    first = await db.write(lambda session: portal_source_id(session, now=NOW))
    assert await db.write(lambda session: portal_source_id(session, now=NOW)) == first
    assert await db.read(lambda session: source_named(session, "portal")) == first

    def public_key(session: Session) -> str:
        return str(session.connection().scalar(text("SELECT public_key FROM source")))

    key = await db.read(public_key)
    assert await db.read(lambda session: source_of_public_key(session, key, now=NOW)) is None


async def test_last_seen_moves_once_a_minute(db: Database) -> None:
    made = await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))

    async def send(seconds: int) -> object:
        now = NOW + timedelta(seconds=seconds)
        known = await db.read(lambda session: source_of_write_key(session, made.write_key, now=NOW))
        assert known is not None
        await db.write(lambda session: note_seen(session, known, now=now))
        found = await db.read(lambda session: source_of_write_key(session, made.write_key, now=NOW))
        assert found is not None
        assert found.last_seen_at is not None
        return (found.last_seen_at - NOW).total_seconds()

    assert [await send(seconds) for seconds in (0, 59, 60, 61)] == [0, 0, 60, 60]
