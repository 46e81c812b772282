"""The figures, each beside its ceiling: what is asked for, how it is loaded, and what it should come to.

Ceiling and portal take turns within each round, so that whatever else the machine does meets both alike; a ratio is
the median of the rounds' ratios. The first round only warms up and is thrown away.
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import blake2b
from statistics import median
from zoneinfo import ZoneInfo

import httpx
import orjson
from sqlalchemy import text
from sqlmodel import Session

from portal.checklists.report import completion_report
from portal.kit.clock import utcnow
from portal.kit.db import run
from tests.bench.ceiling import Ceiling
from tests.bench.load import Load, Make, Plan, Seen, get, post
from tests.bench.seed import ACCOUNTS, EVENTS, MEMBERS, Vendor, furnish_reports
from tests.server import Process, Server

TOKYO = ZoneInfo("Asia/Tokyo")
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Figure:
    """One line of the table. `ok` is None where nothing was aimed at."""

    name: str
    measured: str
    ceiling: str = ""
    ratio: float | None = None
    aim: str = ""
    ok: bool | None = None


@dataclass(frozen=True)
class Turn:
    """One measurement: what came back, and the seconds that the server computed for it, whoever else was busy."""

    seen: Seen
    cpu_seconds: float

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_seconds / self.seen.answers


@dataclass(frozen=True)
class Bench:
    """What all figures share."""

    load: Load
    rounds: int
    seconds: float
    portal: Server
    ceiling: Process
    vendor: Vendor
    is_sqlite: bool

    def take_turns(self, portal: Plan, ceiling: Plan) -> tuple[Sequence[Turn], Sequence[Turn]]:
        """What was seen of the portal and of the ceiling, round by round."""
        seen: tuple[list[Turn], list[Turn]] = ([], [])
        for number in range(self.rounds + 1):
            for server, plan, into in ((self.ceiling, ceiling, seen[1]), (self.portal, portal, seen[0])):
                into.append(self._turn(server, replace(plan, first=plan.first + number * plan.at_most)))
        return seen[0][1:], seen[1][1:]

    def plan(self, server: Process, make: Make, *, connections: int, at_most: int, same: bool = False) -> Plan:
        return Plan(server.port, make, connections=connections, seconds=self.seconds, at_most=at_most, same=same)

    def _turn(self, server: Process, plan: Plan) -> Turn:
        before = server.cpu_seconds()
        seen = self.load.run(plan)
        return Turn(seen, server.cpu_seconds() - before)


# --- pages ------------------------------------------------------------------------------------------------------------

PAGE_CONNECTIONS = 16


@dataclass(frozen=True)
class PageFigure:
    """A page, by the path it has for `vendor`; `signed_in` by a member."""

    key: str
    name: str
    path: Callable[[Vendor], str]
    signed_in: bool = True
    aim: float | None = None


PAGES = (
    PageFigure("article", "article page, signed in", lambda vendor: vendor.article, aim=0.25),
    PageFigure("checklist", "checklist of 30 steps, signed in", lambda _: "/checklists/wide"),
    PageFigure("home", "home, signed in", lambda _: "/"),
    PageFigure("sign-in", "sign-in page", lambda _: "/sign-in", signed_in=False),
)


def fetch_bodies(portal: Server, ceiling: Ceiling, vendor: Vendor, pages: Sequence[PageFigure]) -> None:
    """Give the ceiling, before it starts, the very bytes that the portal answers."""
    with httpx.Client(base_url=portal.url, trust_env=False) as client:
        for page in pages:
            answer = client.get(page.path(vendor), headers=dict(headers_of(page, vendor))).raise_for_status()
            (ceiling.bodies / page.key).write_bytes(answer.content)


def page_figure(bench: Bench, page: PageFigure) -> Figure:
    """A page against a bare in-memory response of the same bytes, on the same server."""
    make = partial(get, path=page.path(bench.vendor), headers=headers_of(page, bench.vendor))
    bare = partial(get, path=f"/bytes/{page.key}")
    assert isinstance(bench.ceiling, Ceiling)
    size = (bench.ceiling.bodies / page.key).stat().st_size
    portal, ceiling = bench.take_turns(
        bench.plan(bench.portal, make, connections=PAGE_CONNECTIONS, at_most=200_000, same=True),
        bench.plan(bench.ceiling, bare, connections=PAGE_CONNECTIONS, at_most=200_000, same=True),
    )
    ratio = ratio_of(portal, ceiling)
    return Figure(
        name=f"{page.name} ({size / 1024:.0f} KB)",
        measured=f"{rate(portal):,.0f} req/s{latency(portal)}{cpu(portal)}",
        ceiling=f"{rate(ceiling):,.0f} req/s{_busy(ceiling)}{cpu(ceiling)}",
        ratio=ratio,
        aim=f"ratio ≥ {page.aim}" if page.aim else "",
        ok=ratio >= page.aim if page.aim else None,
    )


def headers_of(page: PageFigure, vendor: Vendor) -> Headers:
    return (("Cookie", f"banso={vendor.cookie}"),) if page.signed_in else ()


# --- events -----------------------------------------------------------------------------------------------------------

EVENT_CONNECTIONS = 64
BATCH_CONNECTIONS = 8
BATCH = 100
SINGLES_PER_SECOND = 10_000
BATCHES_PER_SECOND = 800


def message(number: int, *, label: str, at: str) -> dict[str, object]:
    """The n-th event: customers, people and kinds in an order that repeats late, ids as random as a client's."""
    drawn = blake2b(f"{label}{number}".encode(), digest_size=16)
    place = int.from_bytes(drawn.digest()[:8])
    account, person = place % ACCOUNTS, place // ACCOUNTS % MEMBERS
    return {
        "type": "track",
        "event": EVENTS[place // (ACCOUNTS * MEMBERS) % len(EVENTS)],
        "userId": f"a-{account}-{person}",
        "properties": {"amount": place % 90_000, "currency": "JPY", "place": "settings/billing"},
        "context": {"groupId": f"a-{account}", "library": {"name": "analytics-python", "version": "2.4.0"}},
        "messageId": drawn.hexdigest(),
        "timestamp": at,
    }


def single(number: int, *, label: str, at: str, path: str, key: str) -> bytes:
    """The n-th event on its own."""
    return post(orjson.dumps({**message(number, label=label, at=at), "sentAt": at}), path=path, headers=_basic(key))


def batch(number: int, *, label: str, at: str, path: str, key: str) -> bytes:
    """The n-th hundred of events."""
    messages = [message(number * BATCH + place, label=label, at=at) for place in range(BATCH)]
    return post(orjson.dumps({"batch": messages, "sentAt": at}), path=path, headers=_basic(key))


def track_figure(bench: Bench) -> Figure:
    """One event a request, against a raw group-commit insert of one row a request."""
    portal, ceiling = _events(bench, single, "track", connections=EVENT_CONNECTIONS, per_second=SINGLES_PER_SECOND)
    ratio = ratio_of(portal, ceiling)
    return Figure(
        name=f"single-event POST, {EVENT_CONNECTIONS} connections",
        measured=f"{rate(portal):,.0f} req/s{latency(portal)}{cpu(portal)}",
        ceiling=f"{rate(ceiling):,.0f} req/s{_busy(ceiling)}{cpu(ceiling)}",
        ratio=ratio,
        aim="ratio ≥ 0.5",
        ok=ratio >= 0.5,
    )


def batch_figure(bench: Bench) -> Figure:
    """A hundred events a request, against a raw insert of a hundred rows a request."""
    portal, ceiling = _events(bench, batch, "batch", connections=BATCH_CONNECTIONS, per_second=BATCHES_PER_SECOND)
    events = BATCH * rate(portal)
    aim = 25_000 if bench.is_sqlite else 15_000
    return Figure(
        name=f"batch of {BATCH} events, {BATCH_CONNECTIONS} connections",
        measured=f"{events:,.0f} events/s{latency(portal)}{cpu(portal)}",
        ceiling=f"{BATCH * rate(ceiling):,.0f} events/s{_busy(ceiling)}{cpu(ceiling)}",
        ratio=ratio_of(portal, ceiling),
        aim=f"≥ {aim:,} events/s",
        ok=events >= aim,
    )


def _events(
    bench: Bench, make: Callable[..., bytes], call: str, *, connections: int, per_second: int
) -> tuple[Sequence[Turn], Sequence[Turn]]:
    at_most = int(per_second * bench.seconds)
    told = {"label": call, "at": utcnow().isoformat(), "key": bench.vendor.write_key}
    return bench.take_turns(
        bench.plan(
            bench.portal,
            partial(make, path=f"/api/v1/{call}", **told),
            connections=connections,
            at_most=at_most,
        ),
        bench.plan(bench.ceiling, partial(make, path="/insert", **told), connections=connections, at_most=at_most),
    )


def _basic(key: str) -> Headers:
    return (("Authorization", f"Basic {b64encode(f'{key}:'.encode()).decode()}"),)


# --- reports ----------------------------------------------------------------------------------------------------------

RATE_SECONDS = 0.3
ROWS = text(
    "SELECT e.id, e.account_id, e.started_at, e.due_at, e.completed_at, a.left_at, a.plan_key FROM enrollment e"
    " JOIN account a ON a.id = e.account_id WHERE e.checklist_key = :key"
)


def rate_figures(load: Load, server: Server, *, rounds: int, size: int) -> list[Figure]:
    """The completion rate of `size` customers and of a tenth, beside the mere reading of their rows."""
    small = size // 10
    key = furnish_reports(server, (small, size))
    url = server.database_url
    whole, part = _rate_by_http(load, server, key, size, rounds), _rate_by_http(load, server, key, small, rounds)
    called = median(_timed(url, partial(_report, key=f"rate-{size}", now=utcnow())) for _ in range(rounds))
    read = median(_timed(url, partial(_read_rows, key=f"rate-{size}")) for _ in range(rounds))
    growth = whole / part
    return [
        Figure(
            name=f"completion rate of {size:,} customers, HTTP",
            measured=f"{1000 * whole:,.0f} ms",
            ceiling=f"{1000 * read:,.0f} ms to read the rows",
            ratio=read / whole,
            aim="≤ 300 ms",
            ok=whole <= RATE_SECONDS,
        ),
        Figure(
            name=f"completion rate of {size:,} customers, service",
            measured=f"{1000 * called:,.0f} ms",
            ceiling=f"{1000 * read:,.0f} ms to read the rows",
            ratio=read / called,
            aim="≤ 300 ms",
            ok=called <= RATE_SECONDS,
        ),
        Figure(
            name=f"completion rate of {small:,} customers, HTTP",
            measured=f"{1000 * part:,.0f} ms; ten times the customers take {growth:.1f} times as long",
            aim="≤ 12 times",
            ok=growth <= 12,
        ),
    ]


def _rate_by_http(load: Load, server: Server, key: str, size: int, rounds: int) -> float:
    path = f"/api/v1/checklists/rate-{size}/completion-rate?by=month"
    make = partial(get, path=path, headers=(("Authorization", f"Bearer {key}"),))
    seen = load.run(Plan(server.port, make, connections=1, seconds=60, at_most=2 * rounds + 1, same=True))
    return seen.p50_ms / 1000


def _timed(url: str, work: Callable[[Session], object]) -> float:
    """Seconds inside one unit of work, on an open connection."""

    def inside(session: Session) -> float:
        session.connection()
        started = time.perf_counter()
        work(session)
        return time.perf_counter() - started

    return run(url, inside, zone=TOKYO, write=False)


def _report(session: Session, *, key: str, now: datetime) -> object:
    return completion_report(session, key, by="month", as_of=now, zone=TOKYO)


def _read_rows(session: Session, *, key: str) -> object:
    return session.connection().execute(ROWS, {"key": key}).all()


# --- what the lines say -----------------------------------------------------------------------------------------------


def rate(turns: Sequence[Turn]) -> float:
    return median(turn.seen.per_second for turn in turns)


def ratio_of(portal: Sequence[Turn], ceiling: Sequence[Turn]) -> float:
    return median(one.seen.per_second / other.seen.per_second for one, other in zip(portal, ceiling, strict=True))


def cpu(turns: Sequence[Turn]) -> str:
    """The server's own computing for each answer: what stays the same on a machine with other work to do."""
    each = median(turn.cpu_ms for turn in turns)
    return f"; CPU {each:.2f} ms" if each else ""


def latency(turns: Sequence[Turn]) -> str:
    p50, p99 = median(turn.seen.p50_ms for turn in turns), median(turn.seen.p99_ms for turn in turns)
    return f"; p50 {p50:.1f} ms, p99 {p99:.1f} ms"


def _busy(turns: Sequence[Turn]) -> str:
    """Where the load itself had no core to spare, the ceiling is higher than could be seen."""
    return " or more" if median(turn.seen.busy for turn in turns) > 0.9 else ""
