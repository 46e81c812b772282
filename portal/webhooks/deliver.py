"""Delivering: one attempt of one message to one endpoint, and what came of it.

The endpoint is read anew for each attempt, so a changed address or a disabled endpoint counts at once. Sending happens
outside any transaction; the attempt is logged in the one that ends the job.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import orjson
from sqlalchemy import insert, select
from sqlmodel import Session, col

from portal.kit.jobs import Claim, Ended, Failed, Kind
from portal.kit.outbound import Refused, Unreachable
from portal.kit.prepared import Prepared
from portal.kit.sql import among
from portal.kit.together import Together
from portal.kit.web import Site
from portal.webhooks.mails import tell_owners
from portal.webhooks.models import Attempt, Endpoint, Told
from portal.webhooks.rules import GONE, PAUSES, is_success, signed, standing_after
from portal.webhooks.service import disable

AT_ONCE = 16


@dataclass(frozen=True)
class Outcome:
    """What came of one attempt. `asked`: a person wanted it (a test, a replay), so it says nothing of the endpoint's
    health and is not tried again."""

    endpoint: int
    message: str
    at: datetime
    milliseconds: int
    status: int | None = None
    error: str | None = None
    answer: str = ""
    asked: bool = False


@dataclass(frozen=True)
class _Wanted:
    endpoint: int
    message: str
    asked: bool


@dataclass(frozen=True)
class _Stored:
    """What there is to deliver, and how; still sealed."""

    url: str
    secret: str
    previous_secret: str | None
    previous_until: datetime | None
    headers: str
    body: str


Looking = Together[_Wanted, _Stored | None]


def kind(site: Site) -> Kind:
    """How deliveries are done. What is needed for those that begin together is read together."""

    async def look(wanted: Sequence[_Wanted]) -> Sequence[_Stored | None]:
        return await site.database.read(partial(_look_up, wanted=wanted))

    run = partial(deliver, site, Together(look))
    return Kind(run, settle=partial(log_attempts, site), at_once=AT_ONCE, pauses=PAUSES)


async def deliver(site: Site, looking: Looking, job: Claim) -> Outcome | None:
    """One attempt; None where there is nobody to tell any more. Raises `Failed` where it is to be tried again."""
    now = site.clock()
    endpoint, message, asked = job.payload["endpoint"], job.payload["message"], bool(job.payload.get("asked"))
    stored = await looking.ask(_Wanted(endpoint, message, asked))
    if stored is None:
        return None
    headers = _headers(site, stored, message, now=now)
    status, error, answer = None, None, ""
    began = time.perf_counter()
    try:
        got = await site.outbound.post(stored.url, stored.body.encode(), headers)
        status, answer = got.status, got.body
    except (Refused, Unreachable) as failure:
        error = str(failure)[:500]
    took = int(1000 * (time.perf_counter() - began))
    outcome = Outcome(endpoint, message, now, took, status, error, answer, asked)
    if is_success(status) or status == GONE or asked:
        return outcome
    raise Failed(error or f"the endpoint answered {status}", outcome)


def log_attempts(site: Site, session: Session, ended: Sequence[Ended], now: datetime) -> None:
    """Log the attempts, and disable the endpoints that have failed for too long or are gone."""
    outcomes: defaultdict[int, list[Outcome]] = defaultdict(list)
    numbers: dict[tuple[int, str], int] = {}
    for one in ended:
        if isinstance(one.result, Outcome):
            outcomes[one.result.endpoint].append(one.result)
            numbers[one.result.endpoint, one.result.message] = one.job.attempt
    if not outcomes:
        return
    wanted = select(Endpoint).where(col(Endpoint.id).in_(sorted(outcomes))).order_by(col(Endpoint.id))
    endpoints = {row.id or 0: row for row in session.execute(wanted.with_for_update()).scalars()}
    messages = {outcome.message for some in outcomes.values() for outcome in some}
    known = {row[0] for row in _KNOWN.all(session, {"keys": sorted(messages)})}
    rows = [
        _row(outcome, numbers[outcome.endpoint, outcome.message])
        for some in outcomes.values()
        for outcome in some
        if outcome.endpoint in endpoints and outcome.message in known
    ]
    if rows:
        session.connection().execute(insert(Attempt), rows)
    for endpoint_id, endpoint in endpoints.items():
        _judge(site, session, endpoint, outcomes[endpoint_id], now=now)


def _judge(site: Site, session: Session, endpoint: Endpoint, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    seen = [(outcome.at, outcome.status) for outcome in outcomes if not outcome.asked]
    standing = standing_after(endpoint.failing_since, seen)
    if standing.failing_since != endpoint.failing_since:
        endpoint.failing_since = standing.failing_since
        session.add(endpoint)
    if standing.disable is not None and endpoint.disabled_at is None:
        disable(session, endpoint, because=standing.disable, now=now)
        tell_owners(site, session, endpoint, now=now)


def _look_up(session: Session, *, wanted: Sequence[_Wanted]) -> list[_Stored | None]:
    endpoints = {row[0]: row for row in _ENDPOINTS.all(session, {"ids": sorted({one.endpoint for one in wanted})})}
    bodies = {row[0]: row[1] for row in _BODIES.all(session, {"keys": sorted({one.message for one in wanted})})}
    found: list[_Stored | None] = []
    for one in wanted:
        endpoint, body = endpoints.get(one.endpoint), bodies.get(one.message)
        if endpoint is None or body is None:
            found.append(None)
            continue
        _, disabled_at, url, secret, previous_secret, previous_until, headers = endpoint
        is_wanted = disabled_at is None or one.asked
        found.append(_Stored(url, secret, previous_secret, previous_until, headers, body) if is_wanted else None)
    return found


def _headers(site: Site, stored: _Stored, message: str, *, now: datetime) -> dict[str, str]:
    in_use = [stored.secret]
    if stored.previous_secret and stored.previous_until is not None and stored.previous_until > now:
        in_use.append(stored.previous_secret)
    own: dict[str, str] = orjson.loads(site.secrets.decrypt(stored.headers)) if stored.headers else {}
    return {**own, **signed(message, stored.body, [site.secrets.decrypt(one) for one in in_use], now=now)}


_ENDPOINTS = Prepared(
    select(
        col(Endpoint.id),
        col(Endpoint.disabled_at),
        col(Endpoint.url),
        col(Endpoint.secret),
        col(Endpoint.previous_secret),
        col(Endpoint.previous_until),
        col(Endpoint.headers),
    ).where(among(col(Endpoint.id), "ids"))
)
_KNOWN = Prepared(select(col(Told.key)).where(among(col(Told.key), "keys")))
_BODIES = Prepared(select(col(Told.key), col(Told.body)).where(among(col(Told.key), "keys")))


def _row(outcome: Outcome, number: int) -> dict[str, object]:
    return {
        "endpoint_id": outcome.endpoint,
        "message_key": outcome.message,
        "at": outcome.at,
        "number": number,
        "ok": is_success(outcome.status),
        "status": outcome.status,
        "milliseconds": outcome.milliseconds,
        "error": outcome.error,
        "answer": outcome.answer,
    }
