"""Endpoints: added, changed, given a new secret, disabled, removed; and asked to be told again what they missed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import orjson
from sqlalchemy import delete, exists, insert, select
from sqlmodel import Session, col

from portal.kit.addresses import Policy
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.jobs import Job, enqueue, enqueue_all, lane_of, withdraw
from portal.kit.secrets import Secrets, new_token
from portal.kit.typed_urls import url_problems
from portal.webhooks.announce import JOB, Happening, job_of, message_row
from portal.webhooks.models import Attempt, Endpoint, Told
from portal.webhooks.rules import OVERLAP, TEST_TYPE, header_problems, new_secret, type_problems

RECOVERED_AT_ONCE = 10_000
KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(frozen=True)
class Wanted:
    """What somebody says of an endpoint. `headers` None leaves those there are."""

    url: str
    description: str = ""
    event_types: Sequence[str] = ()
    headers: Mapping[str, str] | None = None


def new_key() -> str:
    """A fresh id of an endpoint."""
    return new_token("we_", size=15)


def add_endpoint(
    session: Session,
    wanted: Wanted,
    *,
    secrets: Secrets,
    policy: Policy,
    by: str,
    now: datetime,
    key: str | None = None,
) -> tuple[Endpoint, str]:
    """The endpoint and its secret, which can be shown now and never again. Raises `Invalid`."""
    _check(wanted, policy)
    secret = new_secret()
    endpoint = Endpoint(
        key=key or new_key(),
        url=wanted.url,
        description=wanted.description,
        event_types=sorted(set(wanted.event_types)),
        secret=secrets.encrypt(secret),
        headers=_sealed(wanted.headers or {}, secrets),
        created_at=now,
        created_by=by[:200],
    )
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def change_endpoint(session: Session, key: str, wanted: Wanted, *, secrets: Secrets, policy: Policy) -> Endpoint:
    """What is said takes the place of what was. What waits goes to the new address."""
    _check(wanted, policy)
    endpoint = endpoint_by_key(session, key, lock=True)
    endpoint.url, endpoint.description = wanted.url, wanted.description
    endpoint.event_types = sorted(set(wanted.event_types))
    if wanted.headers is not None:
        endpoint.headers = _sealed(wanted.headers, secrets)
    session.add(endpoint)
    session.flush()
    return endpoint


def rotate_secret(session: Session, key: str, *, secrets: Secrets, now: datetime) -> tuple[Endpoint, str]:
    """A new secret. For a day both sign, so that the receiver can change over without losing anything."""
    endpoint = endpoint_by_key(session, key, lock=True)
    secret = new_secret()
    endpoint.previous_secret, endpoint.previous_until = endpoint.secret, now + OVERLAP
    endpoint.secret = secrets.encrypt(secret)
    session.add(endpoint)
    session.flush()
    return endpoint, secret


def forget_previous_secret(session: Session, key: str) -> Endpoint:
    """The previous secret signs no more, from now on: it has leaked, or is not needed any longer."""
    endpoint = endpoint_by_key(session, key, lock=True)
    endpoint.previous_secret = endpoint.previous_until = None
    session.add(endpoint)
    return endpoint


def disable_endpoint(session: Session, key: str, *, now: datetime) -> Endpoint:
    """Send nothing until somebody enables it again. What happens meanwhile is kept and can be recovered."""
    endpoint = endpoint_by_key(session, key, lock=True)
    if endpoint.disabled_at is None:
        disable(session, endpoint, because="person", now=now)
    return endpoint


def disable(session: Session, endpoint: Endpoint, *, because: str, now: datetime) -> None:
    """Send nothing more; what waited is taken back, and can be recovered later."""
    endpoint.disabled_at, endpoint.disabled_because = now, because
    session.add(endpoint)
    session.flush()
    withdraw(session, lane=lane_of(JOB, str(endpoint.id)))


def enable_endpoint(session: Session, key: str) -> Endpoint:
    """Send again, from now on."""
    endpoint = endpoint_by_key(session, key, lock=True)
    if endpoint.disabled_at is not None:
        endpoint.disabled_at = endpoint.disabled_because = endpoint.failing_since = None
        session.add(endpoint)
    return endpoint


def remove_endpoint(session: Session, key: str) -> None:
    """It is gone, with its log and all that waited for it."""
    endpoint = endpoint_by_key(session, key, lock=True)
    withdraw(session, lane=lane_of(JOB, str(endpoint.id)))
    session.connection().execute(delete(Endpoint).where(col(Endpoint.id) == endpoint.id))


def send_test(session: Session, key: str, *, now: datetime) -> str:
    """Send a `webhook.test`, once, even to a disabled endpoint; the id of the message."""
    endpoint = endpoint_by_key(session, key)
    message = message_row(Happening(TEST_TYPE, now, {"endpoint": endpoint.key}), now=now)
    session.connection().execute(insert(Told), message)
    _ask(session, endpoint, message["key"], now=now)
    return str(message["key"])


def replay(session: Session, key: str, message: str, *, now: datetime) -> None:
    """Send one message again, once, with the id it always had; `NotFound` where this endpoint was never to have it."""
    endpoint = endpoint_by_key(session, key)
    told = session.get(Told, message) if KEY.fullmatch(message) else None
    if told is None or (told.type != TEST_TYPE and endpoint.event_types and told.type not in endpoint.event_types):
        raise NotFound
    _ask(session, endpoint, message, now=now)


def recover(session: Session, key: str, *, since: datetime, now: datetime) -> int:
    """Send what happened since then and never arrived, oldest first; how many messages that is.

    What waits already is left to its turn. Not more than `RECOVERED_AT_ONCE`: ask again for the rest.
    """
    endpoint = endpoint_by_key(session, key, lock=True)
    if endpoint.disabled_at is not None:
        raise Invalid(Message("Enable the endpoint first. What happened meanwhile is kept."))
    waiting = select(col(Job.payload)).where(
        col(Job.state) == "waiting", col(Job.lane) == lane_of(JOB, str(endpoint.id))
    )
    under_way = {payload["message"] for payload in session.connection().scalars(waiting)}
    arrived = exists().where(
        col(Attempt.message_key) == col(Told.key), col(Attempt.endpoint_id) == endpoint.id, col(Attempt.ok)
    )
    missed = select(col(Told.key)).where(col(Told.at) >= since, col(Told.type) != TEST_TYPE, ~arrived)
    if endpoint.event_types:
        missed = missed.where(col(Told.type).in_(endpoint.event_types))
    most = RECOVERED_AT_ONCE + len(under_way)
    found = session.connection().scalars(missed.order_by(col(Told.at), col(Told.key)).limit(most))
    messages = [message for message in found if message not in under_way][:RECOVERED_AT_ONCE]
    enqueue_all(session, JOB, [job_of(endpoint.id or 0, message) for message in messages], now=now)
    return len(messages)


def endpoint_by_key(session: Session, key: str, *, lock: bool = False) -> Endpoint:
    """The endpoint, or `NotFound`."""
    if not KEY.fullmatch(key):
        raise NotFound  # also for what no database would take as a key
    asked = select(Endpoint).where(col(Endpoint.key) == key)
    if lock:
        asked = asked.with_for_update()
    endpoint: Endpoint | None = session.execute(asked).scalar_one_or_none()
    if endpoint is None:
        raise NotFound
    return endpoint


def list_endpoints(session: Session) -> Sequence[Endpoint]:
    """All of them, in the order they were added."""
    return session.execute(select(Endpoint).order_by(col(Endpoint.id))).scalars().all()


def header_names(endpoint: Endpoint, secrets: Secrets) -> list[str]:
    """The names of its own headers; the values are not shown again."""
    return sorted(orjson.loads(secrets.decrypt(endpoint.headers))) if endpoint.headers else []


def forget_old(session: Session, *, before: datetime, limit: int = 2_000) -> int:
    """Forget up to `limit` messages from before then, with their attempts; how many."""
    old = select(col(Told.key)).where(col(Told.at) < before).order_by(col(Told.at)).limit(limit)
    return session.connection().execute(delete(Told).where(col(Told.key).in_(old))).rowcount


def forget_member(session: Session, *, account: str, member: str) -> int:
    """Forget all that was told of one person, delivered or not; how many messages. What waits is then not sent."""
    theirs = delete(Told).where(col(Told.account) == account, col(Told.member) == member)
    return session.connection().execute(theirs).rowcount


def _ask(session: Session, endpoint: Endpoint, message: str, *, now: datetime) -> None:
    lane, payload = job_of(endpoint.id or 0, message, asked=True)
    enqueue(session, JOB, payload, now=now, lane=lane)


def problems_of(wanted: Wanted, policy: Policy) -> list[FieldProblem]:
    """Everything that is wrong with what somebody says of an endpoint."""
    types = type_problems(wanted.event_types)
    return [*url_problems(wanted.url, policy), *types, *header_problems(wanted.headers or {})]


def _check(wanted: Wanted, policy: Policy) -> None:
    problems = problems_of(wanted, policy)
    if problems:
        raise Invalid(Message("The endpoint cannot be taken like this."), problems=problems)


def _sealed(headers: Mapping[str, str], secrets: Secrets) -> str:
    if not headers:
        return ""
    return secrets.encrypt(orjson.dumps({name.lower(): value for name, value in headers.items()}).decode())
