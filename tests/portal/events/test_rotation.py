"""Keys that change without anybody standing still, and what owners may set."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlmodel import Session

from portal.events import rotation
from portal.events.models import Source
from portal.events.rotation import KEY_KINDS, KeyKind, as_kind, end_previous, rotate
from portal.events.sources import (
    NewSource,
    add_source,
    portal_source_id,
    source_of_public_key,
    source_of_write_key,
)
from portal.kit.db import Database
from portal.kit.errors import BansoError, Conflict, Invalid, NotFound
from tests.portal.events.conftest import NOW, SECRETS


@pytest.fixture
async def added(db: Database) -> NewSource:
    return await db.write(lambda session: add_source(session, SECRETS, name="app", now=NOW))


def change(added: NewSource, work: Callable[[Session, Source], object]) -> Callable[[Session], object]:
    return lambda session: work(session, rotation.source_of(session, added.id))


@pytest.mark.parametrize("kind", KEY_KINDS)
async def test_two_count_until_the_chosen_moment(db: Database, added: NewSource, kind: KeyKind) -> None:
    old = {"write-key": added.write_key, "webhook-secret": added.webhook_secret, "signing-secret": added.signing_secret}
    fresh = await db.write(
        change(added, lambda session, one: rotate(session, SECRETS, one, kind, now=NOW, overlap=timedelta(hours=2)))
    )
    assert isinstance(fresh, str)
    assert fresh.split("_")[0] == old[kind].split("_")[0]

    def honoured(session: Session, hours: float) -> list[str]:
        now = NOW + timedelta(hours=hours)
        if kind == "write-key":
            return [key for key in (fresh, old[kind]) if source_of_write_key(session, key, now=now)]
        known = source_of_public_key(session, added.public_key, now=now)
        assert known is not None
        sealed = known.webhook_secrets if kind == "webhook-secret" else known.signing_secrets
        return [SECRETS.decrypt(one) for one in sealed]

    assert await db.read(lambda session: honoured(session, 1.9)) == [fresh, old[kind]]
    assert await db.read(lambda session: honoured(session, 2)) == [fresh]
    await db.write(change(added, lambda session, one: end_previous(session, one, kind)))
    assert await db.read(lambda session: honoured(session, 0)) == [fresh]


async def test_at_once_means_at_once_and_a_third_key_ends_the_first(db: Database, added: NewSource) -> None:
    def work(session: Session) -> list[bool]:
        source = rotation.source_of(session, added.id)
        second = rotate(session, SECRETS, source, "write-key", now=NOW)
        third = rotate(session, SECRETS, source, "write-key", now=NOW)
        found = [source_of_write_key(session, key, now=NOW) for key in (added.write_key, second, third)]
        fourth = rotate(session, SECRETS, source, "write-key", now=NOW, overlap=timedelta(0))
        found += [source_of_write_key(session, key, now=NOW) for key in (third, fourth)]
        return [one is not None for one in found]

    assert await db.write(work) == [False, True, True, False, True]


async def test_a_revoked_source_takes_nothing_and_gets_no_new_key(db: Database, added: NewSource) -> None:
    await db.write(change(added, lambda session, one: rotation.revoke(session, one, now=NOW)))
    assert await db.read(lambda session: source_of_write_key(session, added.write_key, now=NOW)) is None
    with pytest.raises(Conflict):
        await db.write(change(added, lambda session, one: rotate(session, SECRETS, one, "write-key", now=NOW)))


IMPOSSIBLE: list[tuple[Callable[[Session, Source], object], type[BansoError]]] = [
    (lambda session, one: rotation.rename(session, one, " "), Invalid),
    (lambda session, one: rotation.rename(session, one, "x" * 101), Invalid),
    (lambda session, one: rotation.rename(session, one, "portal"), Conflict),
    (lambda session, one: rotation.allow_origins(session, one, ["https://ok.example", "nonsense"]), Invalid),
    (lambda session, one: rotation.keep_for(session, one, 2), Invalid),
    (lambda session, one: rotation.keep_for(session, one, 121), Invalid),
    (
        lambda session, one: rotate(session, SECRETS, one, "write-key", now=NOW, overlap=timedelta(days=91)),
        Invalid,
    ),
    (lambda session, one: rotate(session, SECRETS, one, "write-key", now=NOW, overlap=timedelta(-1)), Invalid),
    (lambda session, _: rotation.source_of(session, portal_source_id(session, now=NOW)), NotFound),
    (lambda session, _: rotation.source_of(session, 2**40), NotFound),
    (lambda session, _: rotation.source_by_name(session, "portal"), NotFound),
    (lambda *_: as_kind("public-key"), NotFound),
]


async def test_what_cannot_be_is_refused_and_changes_nothing(db: Database, added: NewSource) -> None:
    for work, error in IMPOSSIBLE:
        with pytest.raises(error):
            await db.write(change(added, work))
    source = await db.read(lambda session: rotation.source_of(session, added.id))
    assert (source.name, source.origins, source.keep_months) == ("app", [], 25)
    assert await db.read(lambda session: source_of_write_key(session, added.write_key, now=NOW)) is not None


async def test_settings_are_kept_as_browsers_write_them(db: Database, added: NewSource) -> None:
    def work(session: Session) -> tuple[str, list[str], int]:
        source = rotation.source_of(session, added.id)
        rotation.rename(session, source, " product ")
        rotation.allow_origins(session, source, ["https://App.example.com/", "https://app.example.com:443"])
        rotation.keep_for(session, source, 3)
        return source.name, source.origins, source.keep_months

    assert await db.write(work) == ("product", ["https://app.example.com"], 3)
    assert [one.name for one in await db.read(rotation.list_sources)] == ["product"]
