"""The databases that all other tests stand on: real, migrated, each test's own, and gone afterwards."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from sqlalchemy import text
from sqlmodel import Session

from portal.kit.db import Database, open_database
from tests.postgres import Cluster, Databases


def tables(session: Session) -> set[str]:
    schema = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    if session.get_bind().dialect.name == "sqlite":
        schema = "SELECT name FROM sqlite_master WHERE type = 'table'"
    return set(session.connection().execute(text(schema)).scalars())


async def test_a_test_gets_the_newest_schema(db: Database) -> None:
    assert {"alembic_version", "account", "member"} <= await db.read(tables)


@pytest.mark.parametrize("turn", [1, 2])
async def test_no_test_sees_what_another_wrote(db: Database, turn: int) -> None:
    def leave_a_trace(session: Session) -> None:
        session.connection().execute(text("CREATE TABLE trace (turn integer)"))

    await db.write(leave_a_trace)  # would fail in the second turn
    assert "trace" in await db.read(tables)


async def test_an_empty_database_has_no_table(empty_database_url: str) -> None:
    empty = open_database(empty_database_url)
    try:
        assert await empty.read(tables) == set()
    finally:
        await empty.close()


async def test_what_postgresql_confirmed_outlives_its_crash(durable_postgres: Cluster) -> None:
    connection = await asyncpg.connect(durable_postgres.url())
    assert await connection.fetchval("SHOW fsync") == "on"
    await connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    durable_postgres.kill()
    connection.terminate()
    durable_postgres.start()
    connection = await asyncpg.connect(durable_postgres.url())
    try:
        assert await connection.fetchval("SELECT answer FROM kept") == 42
    finally:
        await connection.close()


def test_a_dropped_database_is_gone(postgres: Databases) -> None:
    first = postgres.create()
    postgres.drop(first)
    with closing(Databases(postgres.create())) as elsewhere, pytest.raises(asyncpg.InvalidCatalogNameError):
        elsewhere.create(template=first)


OWNER = """
import sys
from tests.postgres import Cluster
cluster = Cluster().start()
print(cluster.home, cluster.url(), flush=True)
sys.stdin.read()
"""


def test_a_cluster_ends_with_its_owner_however_that_ends() -> None:
    root = Path(__file__).parent.parent
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        home, url = owner.stdout.readline().split()
        port = urlsplit(url).port
        assert port is not None
        assert answers(port)
        owner.kill()
    deadline = time.monotonic() + 10
    while answers(port) or Path(home, "data", "postmaster.pid").exists():
        assert time.monotonic() < deadline
    shutil.rmtree(home)


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
