"""API keys: shown once, stored as SHA-256, revocable."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select, update
from sqlmodel import Session, col

from portal.accounts.errors import NameTaken
from portal.accounts.models import ApiKey
from portal.kit.errors import FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.secrets import hash_token, new_token

Scope = Literal["read", "write"]
NAME_CHARS = 100
USED_EVERY = timedelta(hours=1)


def add_api_key(session: Session, name: str, scope: Scope, *, now: datetime) -> tuple[ApiKey, str]:
    """A new key and its secret, which nobody can show again. `write` includes `read`.

    Raises `Invalid` for a name that is none or too long, `NameTaken` for one that is used, by a revoked key too.
    """
    name = name.strip()
    if not 1 <= len(name) <= NAME_CHARS:
        said = Message("A name has 1 to 100 characters.")
        raise Invalid(said, problems=[FieldProblem("name", "length", said)])
    if session.execute(select(col(ApiKey.id)).where(col(ApiKey.name) == name)).first() is not None:
        raise NameTaken(Message("There is a key named “%(name)s” already.", name=name))
    secret = new_token("ak_")
    key = ApiKey(name=name, key_hash=hash_token(secret), hint=secret[-4:], scope=scope, created_at=now)
    session.add(key)
    session.flush()
    return key, secret


def api_key_of(session: Session, key_id: int) -> ApiKey:
    """One key; `NotFound` for none."""
    found: ApiKey | None = session.get(ApiKey, key_id) if 0 < key_id < 2**31 else None
    if found is None:
        raise NotFound
    return found


def api_key_named(session: Session, name: str) -> ApiKey:
    """The key of this name; `NotFound` names it."""
    found: ApiKey | None = session.execute(select(ApiKey).where(col(ApiKey.name) == name)).scalar_one_or_none()
    if found is None:
        raise NotFound(Message("There is no key named “%(name)s”.", name=name))
    return found


def find_api_key(session: Session, secret: str) -> ApiKey | None:
    """The live key with this secret."""
    if not secret.startswith("ak_"):
        return None
    query = select(ApiKey).where(col(ApiKey.key_hash) == hash_token(secret), col(ApiKey.revoked_at).is_(None))
    return session.execute(query).scalar_one_or_none()


def is_use_due(key: ApiKey, *, now: datetime) -> bool:
    """Whether the last use on record is old enough to write it again: not on every request."""
    return key.last_used_at is None or now - key.last_used_at >= USED_EVERY


def note_use(session: Session, key_id: int, *, now: datetime) -> None:
    """The key was used at `now`."""
    session.execute(update(ApiKey).where(col(ApiKey.id) == key_id).values(last_used_at=now))


def revoke_api_key(session: Session, key: ApiKey, *, now: datetime) -> None:
    """The key opens nothing from now on."""
    key.revoked_at = key.revoked_at or now
    session.add(key)
    session.flush()


def list_api_keys(session: Session) -> Sequence[ApiKey]:
    """Every key, revoked ones too, by name."""
    return session.execute(select(ApiKey).order_by(col(ApiKey.name))).scalars().all()
