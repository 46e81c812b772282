"""`make bench ARGS="--flat"`: whether an event, and a page, costs the same when much is stored already.

Two portals of one making: behind the one lie 100,000 events of the past year, behind the other ten million, with their
roll-ups. They take turns within each round, so a ratio near 1 means that what is stored does not matter.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from functools import partial

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlmodel import Session

from portal.kit.clock import utcnow
from portal.kit.db import run
from tests.bench.figures import (
    BATCH,
    BATCH_CONNECTIONS,
    BATCHES_PER_SECOND,
    PAGE_CONNECTIONS,
    PAGES,
    Bench,
    Figure,
    PageFigure,
    batch,
    cpu,
    headers_of,
    latency,
    rate,
    ratio_of,
)
from tests.bench.load import Plan, get
from tests.bench.seed import EVENTS, Vendor
from tests.server import Server

FEW, MANY = 100_000, 10_000_000
AT_LEAST = 0.85
COLUMNS = (
    "fingerprint, source_id, message_id, from_browser, kind, name, at, received_at, account_id, member_id, user_ref,"
    " anonymous_ref, group_ref, properties"
)
PROPERTIES = '{"amount":1200,"currency":"JPY","place":"settings/billing"}'


def flat_figures(bench: Bench, few: Vendor) -> Iterator[Figure]:
    """Batches and pages, by the portal with many events (`bench.portal`) and the one with `few` (`bench.ceiling`)."""
    at = utcnow().isoformat()

    def sending(server: Server, vendor: Vendor) -> Plan:
        make = partial(batch, label="flat", at=at, path="/api/v1/batch", key=vendor.write_key)
        at_most = int(BATCHES_PER_SECOND * bench.seconds)
        return bench.plan(server, make, connections=BATCH_CONNECTIONS, at_most=at_most)

    yield _figure(bench, f"batch of {BATCH} events", sending(bench.portal, bench.vendor), sending(_few(bench), few))
    for page in PAGES:
        if page.key in ("checklist", "home"):
            many_plan, few_plan = (
                _reading(bench, bench.portal, page, bench.vendor),
                _reading(bench, _few(bench), page, few),
            )
            yield _figure(bench, page.name, many_plan, few_plan)


def fill(server: Server, count: int) -> None:
    """Put `count` events of the past year behind a furnished portal, and their roll-ups; it must not be running."""
    url = make_url(server.database_url)
    if url.get_backend_name() == "sqlite":
        _fill_sqlite(str(url.database), count)
    else:
        run(server.database_url, partial(_fill_postgresql, count=count))


def _few(bench: Bench) -> Server:
    assert isinstance(bench.ceiling, Server)
    return bench.ceiling


def _reading(bench: Bench, server: Server, page: PageFigure, vendor: Vendor) -> Plan:
    make = partial(get, path=page.path(vendor), headers=headers_of(page, vendor))
    return bench.plan(server, make, connections=PAGE_CONNECTIONS, at_most=200_000, same=True)


def _figure(bench: Bench, name: str, many: Plan, few: Plan) -> Figure:
    of_many, of_few = bench.take_turns(many, few)
    ratio = ratio_of(of_many, of_few)
    return Figure(
        name=f"{name}, {MANY:,} events stored",
        measured=f"{rate(of_many):,.0f} req/s{latency(of_many)}{cpu(of_many)}",
        ceiling=f"{rate(of_few):,.0f} req/s with {FEW:,}{cpu(of_few)}",
        ratio=ratio,
        aim=f"ratio ≥ {AT_LEAST}",
        ok=ratio >= AT_LEAST,
    )


# --- the past year ----------------------------------------------------------------------------------------------------


def _fill_sqlite(path: str, count: int) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    # Nobody reads meanwhile, and a failed filling is thrown away.
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")
    indexes = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = 'event' AND sql IS NOT NULL"
    ).fetchall()
    for name, _ in indexes:
        connection.execute(f"DROP INDEX {name}")
    connection.execute("BEGIN")
    connection.execute(
        f"""WITH RECURSIVE counted(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n + 1 < ?),
        {_PEOPLE}
        INSERT INTO event ({COLUMNS})
        SELECT randomblob(12), (SELECT min(id) FROM source), lower(hex(randomblob(16))), 0, 'track', {_name()},
            datetime(strftime('%s', 'now', '-1 year') + n * 31500000 / ?, 'unixepoch') || '.000000',
            datetime('now') || '.000000',
            account_id, member_id, user_ref, NULL, group_ref, ?
        FROM counted JOIN people ON place = n * 7919 % (SELECT count(*) FROM people)""",
        (count, count, PROPERTIES),
    )
    connection.execute(_ROLL_UPS.format(day="date(at, '+9 hours')"))
    connection.execute("COMMIT")
    for _, sql in indexes:
        connection.execute(sql)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _fill_postgresql(session: Session, *, count: int) -> None:
    connection = session.connection()
    indexes = connection.execute(
        text("SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'event' AND indexname LIKE 'ix_%'")
    ).all()
    for name, _ in indexes:
        connection.execute(text(f"DROP INDEX {name}"))
    connection.execute(text("ALTER TABLE event DROP CONSTRAINT uq_event_fingerprint"))
    connection.execute(
        text(
            f"""WITH {_PEOPLE}
            INSERT INTO event ({COLUMNS})
            SELECT decode(left(md5(n || 'f'), 24), 'hex'), (SELECT min(id) FROM source), md5(n || 'm'), false, 'track',
                {_name()},
                now() - interval '1 year' + interval '364 days' * (CAST(n AS double precision) / :count), now(),
                account_id, member_id, user_ref, NULL, group_ref, CAST(:properties AS jsonb)
            FROM generate_series(0, CAST(:count AS bigint) - 1) AS counted(n)
            JOIN people ON place = n * 7919 % (SELECT count(*) FROM people)"""
        ),
        {"count": count, "properties": PROPERTIES},
    )
    connection.execute(text(_ROLL_UPS.format(day="CAST(at AT TIME ZONE 'Asia/Tokyo' AS date)")))
    connection.execute(text("ALTER TABLE event ADD CONSTRAINT uq_event_fingerprint UNIQUE (fingerprint)"))
    for statement in (*(sql for _, sql in indexes), "ANALYZE"):
        connection.execute(text(statement))


def _name() -> str:
    cases: Sequence[str] = [f"WHEN {place} THEN '{name}'" for place, name in enumerate(EVENTS)]
    return f"CASE n % {len(EVENTS)} {' '.join(cases)} END"


_PEOPLE = """people AS (
    SELECT row_number() OVER (ORDER BY member.id) - 1 AS place, account.id AS account_id, member.id AS member_id,
        member.external_id AS user_ref, account.external_id AS group_ref
    FROM member JOIN account ON account.id = member.account_id
)"""
_ROLL_UPS = """INSERT INTO event_day (account_id, name, day, member_id, count, first_at, last_at)
    SELECT account_id, name, {day} AS day, coalesce(member_id, 0), count(*), min(at), max(at)
    FROM event WHERE account_id IS NOT NULL GROUP BY account_id, name, {day}, coalesce(member_id, 0)
    ON CONFLICT (account_id, name, day, member_id) DO UPDATE SET count = excluded.count,
        first_at = excluded.first_at, last_at = excluded.last_at"""
