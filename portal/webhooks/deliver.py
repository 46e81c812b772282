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
from sqlalchemy import bindparam, insert, select
from sqlmodel import Session, col

from portal.kit.jobs import Claim, Ended, Failed, Kind
from portal.kit.outbound import Refused, Unreachable
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
class _Ready:
    url: str
    headers: dict[str, str]
    body: bytes


def kind(site: Site) -> Kind:
    """How deliveries are done."""
    return Kind(partial(deliver, site), settle=partial(log_attempts, site), at_once=AT_ONCE, pauses=PAUSES)


async def deliver(site: Site, job: Claim) -> Outcome | None:
    """One attempt; None where there is nobody to tell any more. Raises `Failed` where it is to be tried again."""
    now = site.clock()
    endpoint, message, asked = job.payload["endpoint"], job.payload["message"], bool(job.payload.get("asked"))
    ready = await site.database.read(partial(_prepare, site, endpoint=endpoint, message=message, asked=asked, now=now))
    if ready is None:
        return None
    status, error, answer = None, None, ""
    began = time.perf_counter()
    try:
        got = await site.outbound.post(ready.url, ready.body, ready.headers)
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
    known = set(session.connection().scalars(select(col(Told.key)).where(col(Told.key).in_(sorted(messages)))))
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


def _prepare(site: Site, session: Session, *, endpoint: int, message: str, asked: bool, now: datetime) -> _Ready | None:
    found = session.connection().execute(_ASKED, {"endpoint": endpoint, "message": message}).one_or_none()
    if found is None or (found.disabled_at is not None and not asked):
        return None
    in_use = [found.secret]
    if found.previous_secret and found.previous_until is not None and found.previous_until > now:
        in_use.append(found.previous_secret)
    headers = signed(message, found.body, [site.secrets.decrypt(one) for one in in_use], now=now)
    own: dict[str, str] = orjson.loads(site.secrets.decrypt(found.headers)) if found.headers else {}
    return _Ready(found.url, {**own, **headers}, found.body.encode())


# Built once: building it would cost more than running it.
_ASKED = (
    select(
        col(Endpoint.url),
        col(Endpoint.secret),
        col(Endpoint.previous_secret),
        col(Endpoint.previous_until),
        col(Endpoint.headers),
        col(Endpoint.disabled_at),
        col(Told.body),
    )
    .join(Told, col(Told.key) == bindparam("message"))
    .where(col(Endpoint.id) == bindparam("endpoint"))
)


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
