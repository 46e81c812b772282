"""Units of work on both databases: what is answered is committed, what fails fails alone, and when it cannot be now."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, col

from portal.accounts.models import Account, Plan
from portal.kit.db import Database, chunks, open_database, run, zone_of
from portal.kit.errors import BansoError, Invalid, NotFound, Unavailable
from portal.kit.sqlite import GROUP
from tests.onboarding import TOKYO
from tests.postgres import Cluster

ON_SQLITE = pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
ON_POSTGRES = pytest.mark.parametrize("engine_name", ["postgresql"], indirect=True)


def add(session: Session, key: str) -> str:
    session.execute(insert(Plan).values(key=key, limits={}, features=[]))
    return key


def keys(session: Session) -> list[str]:
    return list(session.execute(select(col(Plan.key)).order_by(col(Plan.key))).scalars())


class Broken(Exception):
    pass


async def test_what_is_answered_is_in_the_database(db: Database, database_url: str) -> None:
    assert await db.write(lambda session: add(session, "a")) == "a"
    other = open_database(database_url)
    try:
        assert await other.read(keys) == await other.report(keys) == await db.read(keys) == ["a"]
    finally:
        await other.close()


async def test_a_failing_unit_costs_only_itself(db: Database) -> None:
    def unit(number: int, session: Session) -> None:
        add(session, f"k{number:02}")
        if number % 3 == 1:
            raise Broken
        if number % 3 == 2:
            add(session, f"k{number:02}")

    ended = await asyncio.gather(
        *(db.write(lambda session, n=number: unit(n, session)) for number in range(30)),  # type: ignore[misc]
        return_exceptions=True,
    )
    assert [type(one) for one in ended] == [type(None), Broken, IntegrityError] * 10
    assert await db.read(keys) == [f"k{number:02}" for number in range(0, 30, 3)]


async def test_a_unit_may_fail_in_a_part_and_go_on(db: Database) -> None:
    def part(session: Session) -> None:
        with session.begin_nested():
            add(session, "b")
            add(session, "a")

    def unit(session: Session) -> None:
        add(session, "a")
        with pytest.raises(IntegrityError):
            part(session)
        add(session, "c")

    await db.write(unit)
    assert await db.read(keys) == ["a", "c"]


async def test_reading_changes_nothing(db: Database) -> None:
    for read in (db.read, db.report):
        with pytest.raises(DBAPIError):
            await read(lambda session: add(session, "a"))
        # An object that is changed in passing is not written either.
        await db.write(lambda session: session.merge(Plan(key="kept", title="before")) and None)

        def rename(session: Session) -> None:
            session.get_one(Plan, "kept").title = "after"

        await read(rename)
    assert await db.read(lambda session: session.get_one(Plan, "kept").title) == "before"
    assert await db.read(keys) == ["kept"]


async def test_a_read_knows_nothing_of_the_one_before(db: Database) -> None:
    await db.write(lambda session: add(session, "a"))

    def breaks(session: Session) -> None:
        session.add(Plan(key="b"))
        plan = session.get_one(Plan, "a")
        plan.rank = 7
        raise Broken

    def rank(session: Session) -> int | None:
        return session.get_one(Plan, "a").rank

    with pytest.raises(Broken):
        await db.read(breaks)
    before = await db.read(rank)
    assert before != 7
    await db.write(lambda session: session.execute(update(Plan).values(rank=3)))
    assert (await db.read(rank), await db.read(keys)) == (3, ["a"])


async def test_every_session_knows_the_zone(db: Database) -> None:
    for act in (db.read, db.report, db.write):
        assert await act(zone_of) == TOKYO


async def test_what_no_column_can_hold_is_not_there_and_cannot_be_written(db: Database) -> None:
    with pytest.raises(NotFound):
        await db.read(lambda session: session.get(Account, 2**80))
    with pytest.raises(Invalid):
        await db.write(lambda session: session.execute(delete(Account).where(col(Account.id) == 2**80)) and None)


async def test_the_command_line_runs_one_unit(database_url: str) -> None:
    assert await asyncio.to_thread(run, database_url, lambda session: add(session, "a")) == "a"
    assert await asyncio.to_thread(run, database_url, keys, write=False) == ["a"]


async def test_closing_finishes_what_was_begun(database_url: str) -> None:
    database = open_database(database_url)
    units = [asyncio.ensure_future(database.write(lambda session, n=n: add(session, f"{n:03}"))) for n in range(200)]  # type: ignore[misc]
    await asyncio.sleep(0)
    if database.is_sqlite:
        await database.close()
        with pytest.raises(Unavailable):
            await database.write(keys)
        with pytest.raises(Unavailable):
            await database.read(keys)
        await database.close()
    assert await asyncio.gather(*units) == [f"{n:03}" for n in range(200)]
    await database.close()


def test_chunks_are_all_of_it_in_order() -> None:
    assert [list(part) for part in chunks(range(5), 2)] == [[0, 1], [2, 3], [4]]
    assert list(chunks([])) == []


# --- SQLite -----------------------------------------------------------------------------------------------------------


@ON_SQLITE
async def test_all_that_wait_share_one_commit(db: Database, database_url: str) -> None:
    """While a first unit holds the writer up, others queue; nobody is answered before the one commit of all of them."""
    begun, go_on = threading.Event(), threading.Event()

    def first(_session: Session) -> None:
        begun.set()
        assert go_on.wait(10)

    holding = asyncio.ensure_future(db.write(first))
    await asyncio.to_thread(begun.wait)
    seen: list[int] = []
    path = database_url.removeprefix("sqlite:///")

    def unit(session: Session, key: str) -> None:
        add(session, key)
        with closing(sqlite3.connect(path)) as outside:
            seen.append(outside.execute("SELECT count(*) FROM plan").fetchone()[0])

    waiting = [
        asyncio.ensure_future(db.write(lambda session, n=number: unit(session, f"{n:02}")))  # type: ignore[misc]
        for number in range(GROUP // 4)
    ]
    await asyncio.sleep(0)
    go_on.set()
    await asyncio.gather(holding, *waiting)
    assert seen == [0] * (GROUP // 4)
    assert len(await db.read(keys)) == GROUP // 4


@ON_SQLITE
async def test_who_gave_up_waiting_harms_nobody(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def first(_session: Session) -> None:
        begun.set()
        assert go_on.wait(10)

    holding = asyncio.ensure_future(db.write(first))
    await asyncio.to_thread(begun.wait)
    gone = asyncio.ensure_future(db.write(lambda session: add(session, "gone")))
    stays = asyncio.ensure_future(db.write(lambda session: add(session, "stays")))
    await asyncio.sleep(0)
    gone.cancel()
    go_on.set()
    await asyncio.gather(holding, stays)
    assert await db.read(keys) == ["stays"]


@ON_SQLITE
async def test_another_process_that_writes_for_too_long(database_url: str) -> None:
    database = open_database(database_url, busy_seconds=0.05)
    with closing(sqlite3.connect(database_url.removeprefix("sqlite:///"))) as other:
        other.execute("BEGIN IMMEDIATE")
        ended = await asyncio.gather(
            *(database.write(lambda session, n=n: add(session, f"{n}")) for n in range(3)),  # type: ignore[misc]
            return_exceptions=True,
        )
        assert [type(one) for one in ended] == [Unavailable] * 3
        assert await database.read(keys) == []  # readers do not wait
        other.rollback()
    assert await database.write(lambda session: add(session, "a")) == "a"
    await database.close()


@ON_SQLITE
async def test_a_full_disk_refuses_and_recovers(db: Database) -> None:
    def limit(pages: int) -> None:
        db._writer._engine.raw_connection().execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

    def large(session: Session) -> None:
        session.execute(insert(Plan).values(key="large", title="x" * 3_000_000, limits={}, features=[]))

    limit(1)
    ended = await asyncio.gather(db.write(large), db.write(large), return_exceptions=True)
    assert [type(one) for one in ended] == [Unavailable] * 2
    limit(2**30)
    await db.write(large)
    assert await db.read(keys) == ["large"]


async def test_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    database = open_database(f"sqlite:///{tmp_path / 'no such folder' / 'banso.db'}")
    for act in (database.read, database.report, database.write):
        with pytest.raises(Unavailable):
            await act(keys)
    await database.close()


@ON_SQLITE
async def test_nothing_is_lost_by_a_power_cut(db: Database) -> None:
    """The settings that make it so, on the connections that are really used."""

    def settings(session: Session) -> tuple[object, ...]:
        names = ("journal_mode", "synchronous", "foreign_keys", "query_only")
        return tuple(session.execute(text(f"PRAGMA {name}")).scalar() for name in names)

    assert await db.write(settings) == ("wal", 2, 1, 0)
    assert await db.read(settings) == await db.report(settings) == ("wal", 2, 1, 1)


@ON_SQLITE
async def test_a_long_report_holds_up_nobody(db: Database) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def long(session: Session) -> list[str]:
        before = keys(session)
        begun.set()
        assert go_on.wait(10)
        assert keys(session) == before  # one moment, however long it takes
        return before

    report = asyncio.ensure_future(db.report(long))
    await asyncio.to_thread(begun.wait)
    await db.write(lambda session: add(session, "a"))
    assert await db.read(keys) == ["a"]
    go_on.set()
    assert await report == []


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@ON_POSTGRES
async def test_a_unit_that_lost_a_race_is_run_again(db: Database) -> None:
    """Two that take the same two rows in opposite orders: one is the victim of the deadlock, and comes through."""
    for key in ("a", "b"):
        await db.write(lambda session, key=key: add(session, key))  # type: ignore[misc]
    runs: list[str] = []

    def unit(session: Session, one: str, other: str) -> None:
        runs.append(one)
        for key in (one, other):
            session.execute(text("UPDATE plan SET rank = coalesce(rank, 0) + 1 WHERE key = :key"), {"key": key})
            if len(runs) <= 2:
                session.execute(text("SELECT pg_sleep(0.1)"))

    await asyncio.gather(db.write(lambda s: unit(s, "a", "b")), db.write(lambda s: unit(s, "b", "a")))
    assert len(runs) == 3
    ranks = await db.read(lambda session: list(session.execute(select(col(Plan.rank))).scalars()))
    assert ranks == [2, 2]


@pytest.fixture
async def cluster(durable_postgres: Cluster) -> AsyncIterator[tuple[Cluster, Database]]:
    database = open_database(durable_postgres.url())
    yield durable_postgres, database
    await database.close()


async def test_a_server_that_is_gone_and_comes_back(cluster: tuple[Cluster, Database]) -> None:
    server, database = cluster

    def one(session: Session) -> int:
        found: int = session.execute(select(func.count()).select_from(text("pg_roles"))).scalar_one()
        return found

    expected = await database.read(one)
    await asyncio.gather(*(database.read(one) for _ in range(3)))
    server.kill()
    for act in (database.write, database.read, database.report):
        with pytest.raises(Unavailable):
            await act(one)
    server.start()
    # The pool holds dead connections still: a read finds a living one by itself.
    assert await database.read(one) == expected
    assert await database.write(one) == expected


@ON_POSTGRES
async def test_a_server_that_takes_nobody_now(db: Database, database_url: str) -> None:
    name = database_url.rsplit("/", 1)[-1]
    await db.write(lambda session: session.execute(text(f'CREATE ROLE "{name}" LOGIN CONNECTION LIMIT 0')) and None)
    password = "x" * 20
    await db.write(lambda session: session.execute(text(f"ALTER ROLE \"{name}\" PASSWORD '{password}'")) and None)
    url = make_url(database_url).set(username=name, password=password)
    crowded = open_database(url.render_as_string(hide_password=False))
    try:
        for act in (crowded.read, crowded.write):
            with pytest.raises(Unavailable):
                await act(keys)
    finally:
        await crowded.close()
        await db.write(lambda session: session.execute(text(f'DROP ROLE "{name}"')) and None)


@ON_POSTGRES
async def test_one_that_was_cut_off_is_told_and_the_next_goes_on(db: Database) -> None:
    def cut(session: Session) -> None:
        add(session, "lost")
        session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(BansoError) as told:
        await db.write(cut)
    assert isinstance(told.value, Unavailable)
    assert await db.read(keys) == []


@ON_POSTGRES
async def test_a_nul_is_in_no_text(db: Database) -> None:
    with pytest.raises(NotFound):
        await db.read(lambda session: session.get(Plan, "a\0b"))
    with pytest.raises(Invalid):
        await db.write(lambda session: add(session, "a\0b"))


@ON_POSTGRES
async def test_sessions_speak_utc(db: Database) -> None:
    assert await db.read(lambda session: session.execute(text("SHOW timezone")).scalar_one()) == "UTC"
