"""Looking after sources: their keys are replaced while the old ones still count, taken back, renamed, and set.

A key is never changed in one stroke, since whoever uses it cannot change at the same moment: the new one is shown once,
and the old one counts beside it until a chosen moment, or until somebody says that it is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

from sqlalchemy import select
from sqlmodel import Session, col

from portal.events.models import Source
from portal.events.sources import (
    MOST_EVENTS,
    NAME_CHARS,
    PORTAL,
    WEBHOOK_AUTHS,
    new_webhook_secret,
    normal_origin,
    source_named,
)
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.secrets import Secrets, hash_token, new_token

KeyKind = Literal["write-key", "webhook-secret", "signing-secret"]
KEY_KINDS: Final[tuple[KeyKind, ...]] = get_args(KeyKind)
OVERLAP = timedelta(hours=24)
LONGEST_OVERLAP = timedelta(days=90)
LEAST_MONTHS, MOST_MONTHS = 3, 120


@dataclass(frozen=True)
class _Columns:
    """Where a kind of key is kept, and how it is made."""

    current: str
    previous: str
    until: str
    make: Callable[[], str]
    is_hashed: bool = False


_COLUMNS: Final[Mapping[KeyKind, _Columns]] = {
    "write-key": _Columns(
        "write_key_hash",
        "previous_write_key_hash",
        "previous_write_key_until",
        lambda: new_token("wk_"),
        is_hashed=True,
    ),
    "webhook-secret": _Columns(
        "webhook_secret", "previous_webhook_secret", "previous_webhook_secret_until", new_webhook_secret
    ),
    "signing-secret": _Columns(
        "signing_secret", "previous_signing_secret", "previous_signing_secret_until", lambda: new_token("ws_")
    ),
}


def as_kind(text: str) -> KeyKind:
    """The kind of key that is called `text`; `NotFound` for anything else."""
    for kind in KEY_KINDS:
        if kind == text:
            return kind
    raise NotFound(
        Message("There is no kind of key called “%(kind)s”. Known: %(known)s.", kind=text, known=", ".join(KEY_KINDS))
    )


def list_sources(session: Session) -> Sequence[Source]:
    """Every source but the portal's own, live ones first, by name."""
    order = (col(Source.revoked_at).is_not(None), col(Source.name))
    return session.execute(select(Source).where(col(Source.name) != PORTAL).order_by(*order)).scalars().all()


def source_of(session: Session, source_id: int) -> Source:
    """One source; `NotFound` for none, and for the portal's own."""
    found: Source | None = session.get(Source, source_id) if source_id <= LARGEST else None
    if found is None or found.name == PORTAL:
        raise NotFound
    return found


def source_by_name(session: Session, name: str) -> Source:
    """The source of this name; `NotFound` names it."""
    asked = select(Source).where(col(Source.name) == name, col(Source.name) != PORTAL)
    found: Source | None = session.execute(asked).scalar_one_or_none()
    if found is None:
        raise NotFound(Message("There is no source named “%(name)s”.", name=name))
    return found


def previous_until(source: Source, kind: KeyKind, *, now: datetime) -> datetime | None:
    """Until when the previous key counts; None where none does any more."""
    until: datetime | None = getattr(source, _COLUMNS[kind].until)
    return until if until is not None and until > now else None


def rotate(
    session: Session, secrets: Secrets, source: Source, kind: KeyKind, *, now: datetime, overlap: timedelta = OVERLAP
) -> str:
    """A new key of this kind, to be shown once. The one it replaces counts for `overlap` more (none: it is over now);
    one that was being replaced already is over at once. `Invalid` above 90 days, `Conflict` for a revoked source."""
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        said = Message("An old key may go on for 0 hours to 90 days.")
        raise Invalid(said, problems=[FieldProblem("hours", "range", said)])
    _check_live(source)
    columns = _COLUMNS[kind]
    fresh = columns.make()
    ends = now + overlap
    setattr(source, columns.previous, getattr(source, columns.current) if overlap else None)
    setattr(source, columns.until, ends if overlap else None)
    setattr(source, columns.current, hash_token(fresh) if columns.is_hashed else secrets.encrypt(fresh))
    _keep(session, source)
    return fresh


def end_previous(session: Session, source: Source, kind: KeyKind) -> None:
    """The old key is over now."""
    columns = _COLUMNS[kind]
    setattr(source, columns.previous, None)
    setattr(source, columns.until, None)
    _keep(session, source)


def revoke(session: Session, source: Source, *, now: datetime) -> None:
    """Nothing is taken from the source any more, by none of its keys. What it sent stays."""
    source.revoked_at = source.revoked_at or now
    _keep(session, source)


def rename(session: Session, source: Source, name: str) -> None:
    """Call it `name`; events show the new name. `Invalid` and `Conflict` as for a new source."""
    name = name.strip()
    if not 1 <= len(name) <= NAME_CHARS:
        said = Message("A name has 1 to 100 characters.")
        raise Invalid(said, problems=[FieldProblem("name", "length", said)])
    if name == source.name:
        return
    if name == PORTAL or source_named(session, name):
        raise Conflict(Message("There is already a source named “%(name)s”.", name=name))
    source.name = name
    _keep(session, source)


def allow_origins(session: Session, source: Source, origins: Sequence[str]) -> None:
    """Let pages of these origins send with the public key, and of no others. `Invalid` names what is no origin."""
    allowed: list[str] = []
    for origin in origins:
        normal = normal_origin(origin)
        if normal is None:
            said = Message("“%(origin)s” is not an origin. Write one like https://app.example.com.", origin=origin)
            raise Invalid(said, problems=[FieldProblem("origins", "origin", said)])
        if normal not in allowed:
            allowed.append(normal)
    source.origins = allowed
    _keep(session, source)


def keep_for(session: Session, source: Source, months: int) -> None:
    """Keep raw events for so many months, 3 to 120: deduplication needs 90 days of them."""
    if not LEAST_MONTHS <= months <= MOST_MONTHS:
        said = Message("Raw events are kept for 3 to 120 months.")
        raise Invalid(said, problems=[FieldProblem("months", "range", said)])
    source.keep_months = months
    _keep(session, source)


def take_webhooks_by(session: Session, source: Source, proof: str) -> None:
    """How its webhooks prove where they come from: `signature` or `bearer`."""
    if proof not in WEBHOOK_AUTHS:
        said = Message("Webhooks prove themselves by signature or bearer.")
        raise Invalid(said, problems=[FieldProblem("proof", "choice", said)])
    source.webhook_auth = proof
    _keep(session, source)


def limit_to(session: Session, source: Source, per_second: int) -> None:
    """What it may send in a second; 0 for what every source may."""
    if not 0 <= per_second <= MOST_EVENTS:
        said = Message("A limit is a number from 0 to 1,000,000.")
        raise Invalid(said, problems=[FieldProblem("limit", "range", said)])
    source.events_per_second = per_second or None
    _keep(session, source)


LARGEST = 2**31 - 1


def _check_live(source: Source) -> None:
    if source.revoked_at is not None:
        raise Conflict(Message("The source “%(name)s” is revoked. Add a new one.", name=source.name))


def _keep(session: Session, source: Source) -> None:
    session.add(source)
    session.flush()
