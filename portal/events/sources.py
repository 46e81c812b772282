"""Sources: what sends events, and the four keys each one has.

The public key is plain, since every browser shows it; the write key is stored as a hash, since nobody needs it back;
the two secrets are stored encrypted, since signatures are made and checked with them (contract, keys).
"""

from __future__ import annotations

import base64
import secrets as random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import and_, bindparam, insert, or_, select, update
from sqlmodel import Session, col

from portal.events.dialect import dialect_of, insert_ignoring
from portal.events.models import Source
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import Message
from portal.kit.prepared import Prepared
from portal.kit.secrets import Secrets, hash_token, new_token

PORTAL = "portal"
SEEN_EVERY = timedelta(minutes=1)
NAME_CHARS = 100
WEBHOOK_AUTHS = ("signature", "bearer")
MOST_EVENTS = 1_000_000


@dataclass(frozen=True)
class NewSource:
    """A source just added. The last three keys are shown now and never again."""

    id: int
    name: str
    public_key: str
    write_key: str
    webhook_secret: str
    signing_secret: str


@dataclass(frozen=True)
class KnownSource:
    """A live source, as whoever showed its key needs it. The secrets are still encrypted.

    `previous_…_secret` is None unless it still counts. `events_per_second` is None where the installation's limit is
    this source's too.
    """

    id: int
    name: str
    origins: tuple[str, ...]
    signing_secret: str
    last_seen_at: datetime | None
    previous_signing_secret: str | None = None
    webhook_secret: str = ""
    previous_webhook_secret: str | None = None
    webhook_auth: str = "signature"
    events_per_second: int | None = None

    @property
    def signing_secrets(self) -> tuple[str, ...]:
        """All that may have signed a widget token, the newest first."""
        return tuple(filter(None, (self.signing_secret, self.previous_signing_secret)))

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """All that may have signed a webhook, the newest first."""
        return tuple(filter(None, (self.webhook_secret, self.previous_webhook_secret)))


def add_source(
    session: Session, secrets: Secrets, *, name: str, origins: Sequence[str] = (), now: datetime
) -> NewSource:
    """A new source with fresh keys. `Invalid` for a bad name or origin, `Conflict` where the name is taken."""
    name = name.strip()
    problems = []
    if not 1 <= len(name) <= NAME_CHARS:
        problems.append(FieldProblem("name", "length", Message("A name has 1 to 100 characters.")))
    allowed = []
    for index, origin in enumerate(origins):
        normal = normal_origin(origin)
        if normal is None:
            said = Message("“%(origin)s” is not an origin. Write one like https://app.example.com.", origin=origin)
            problems.append(FieldProblem(f"origins.{index}", "origin", said))
        elif normal not in allowed:
            allowed.append(normal)
    if problems:
        raise Invalid(Message("This source cannot be added."), problems=problems)
    if name == PORTAL or source_named(session, name):
        raise Conflict(Message("There is already a source named “%(name)s”.", name=name))
    return _add(session, secrets, name, allowed, now)


def set_up_source(
    session: Session, *, name: str, webhook_auth: str | None = None, events_per_second: int | None = None
) -> tuple[str, int | None]:
    """Change how a source proves its webhooks, and what it may send in a second (0: what every source may).

    Only what is given changes; how it stands afterwards. `NotFound` for an unknown name, `Invalid` for a bad value.
    """
    problems = []
    if webhook_auth not in (None, *WEBHOOK_AUTHS):
        problems.append(
            FieldProblem("webhook_auth", "choice", Message("Webhooks prove themselves by signature or bearer."))
        )
    if events_per_second is not None and not 0 <= events_per_second <= MOST_EVENTS:
        problems.append(FieldProblem("events_per_second", "range", Message("A limit is a number from 0 to 1,000,000.")))
    if problems:
        raise Invalid(Message("This source cannot be changed so."), problems=problems)
    values: dict[str, Any] = {"webhook_auth": webhook_auth} if webhook_auth is not None else {}
    if events_per_second is not None:
        values["events_per_second"] = events_per_second or None
    named = (col(Source.name) == name, col(Source.name) != PORTAL)
    if values:
        session.connection().execute(update(Source).where(*named).values(values))
    stands = select(col(Source.webhook_auth), col(Source.events_per_second)).where(*named)
    found = session.connection().execute(stands).first()
    if found is None:
        raise NotFound(Message("There is no source named “%(name)s”.", name=name))
    auth, limit = found
    return str(auth), limit


def portal_source_id(session: Session, *, now: datetime) -> int:
    """The source of the portal's own happenings, made when first needed. It has keys, but nobody ever saw them."""
    asked = select(col(Source.id)).where(col(Source.name) == PORTAL)
    found = session.connection().scalar(asked)
    if found is None:
        row = {
            "name": PORTAL,
            "public_key": new_token("pk_"),
            "write_key_hash": hash_token(new_token()),
            "webhook_secret": "",
            "signing_secret": "",
            "origins": [],
            "created_at": now,
        }
        # Another transaction may be making it this moment: then ours waits for it and finds the other's.
        session.connection().execute(insert_ignoring(dialect_of(session), Source), row)
        found = session.connection().scalar(asked)
    assert found is not None
    return found


def source_named(session: Session, name: str) -> int | None:
    """The id of the source of this name, live or not, the portal's own included."""
    return session.connection().scalar(select(col(Source.id)).where(col(Source.name) == name))


def source_of_write_key(session: Session, write_key: str, *, now: datetime) -> KnownSource | None:
    """The live source this `wk_…` belongs to, or belonged to until lately: while keys rotate two are valid."""
    return _known(session, _BY_WRITE_KEY, hash_token(write_key), now)


def source_of_public_key(session: Session, public_key: str, *, now: datetime) -> KnownSource | None:
    """The live source this `pk_…` belongs to."""
    return _known(session, _BY_PUBLIC_KEY, public_key, now)


def source_called(session: Session, name: str, *, now: datetime) -> KnownSource | None:
    """The live source of this name, for those who prove by something else that it is theirs."""
    return _known(session, _BY_NAME, name, now)


def signing_secrets_of(secrets: Secrets, source: KnownSource) -> list[str]:
    """The signing secrets of `source` that count, in the clear."""
    opened = []
    for sealed in source.signing_secrets:
        with suppress(ValueError):  # sealed under a secret key that is no more: it has signed nothing that counts
            opened.append(secrets.decrypt(sealed))
    return opened


def is_known_origin(session: Session, origin: str) -> bool:
    """Whether `origin` is one of any live source's: all a browser may ask before it has shown a key."""
    rows = session.connection().scalars(select(col(Source.origins)).where(col(Source.revoked_at).is_(None)))
    return any(origin in origins for origins in rows)


def note_seen(session: Session, source: KnownSource, *, now: datetime) -> None:
    """Remember that `source` sent something. Once a minute is enough, and keeps one row from being everybody's lock."""
    if source.last_seen_at is None or now - source.last_seen_at >= SEEN_EVERY:
        seen = col(Source.last_seen_at)
        stale = or_(seen.is_(None), seen < now)
        session.connection().execute(
            update(Source).where(col(Source.id) == source.id, stale).values({"last_seen_at": now})
        )


def normal_origin(text: str) -> str | None:
    """`https://App.Example.com:443/` as a browser writes it in `Origin`; None for what is no web origin."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host or parts.path not in ("", "/"):
        return None
    if parts.query or parts.fragment or parts.username is not None or "*" in host or not host.isascii():
        return None
    named = f"[{host}]" if ":" in host else host
    is_default = port in (None, 443 if parts.scheme == "https" else 80)
    return f"{parts.scheme}://{named}" + ("" if is_default else f":{port}")


def new_webhook_secret() -> str:
    """A secret as Standard Webhooks wants it: 32 random bytes in base64."""
    return "whsec_" + base64.b64encode(random.token_bytes(32)).decode()


def _add(session: Session, secrets: Secrets, name: str, origins: list[str], now: datetime) -> NewSource:
    public_key, write_key, signing_secret = new_token("pk_", size=24), new_token("wk_"), new_token("ws_")
    webhook_secret = new_webhook_secret()
    row: dict[str, Any] = {
        "name": name,
        "public_key": public_key,
        "write_key_hash": hash_token(write_key),
        "webhook_secret": secrets.encrypt(webhook_secret),
        "signing_secret": secrets.encrypt(signing_secret),
        "origins": origins,
        "created_at": now,
    }
    source_id = session.connection().scalar(insert(Source).values(row).returning(col(Source.id)))
    assert source_id is not None
    return NewSource(source_id, name, public_key, write_key, webhook_secret, signing_secret)


def _known(session: Session, asked: Prepared, key: str, now: datetime) -> KnownSource | None:
    row = asked.first(session, {"key": key, "now": now})
    if row is None:
        return None
    found = dict(zip(_LOOKUP.selected_columns.keys(), row, strict=True))
    still = {
        name: found[name] if found[f"{name}_until"] is not None and found[f"{name}_until"] > now else None
        for name in ("previous_signing_secret", "previous_webhook_secret")
    }
    return KnownSource(
        id=found["id"],
        name=found["name"],
        origins=tuple(found["origins"]),
        signing_secret=found["signing_secret"],
        last_seen_at=found["last_seen_at"],
        webhook_secret=found["webhook_secret"],
        webhook_auth=found["webhook_auth"],
        events_per_second=found["events_per_second"],
        **still,
    )


_LOOKUP = select(
    col(Source.id),
    col(Source.name),
    col(Source.origins),
    col(Source.signing_secret),
    col(Source.previous_signing_secret),
    col(Source.previous_signing_secret_until),
    col(Source.webhook_secret),
    col(Source.previous_webhook_secret),
    col(Source.previous_webhook_secret_until),
    col(Source.webhook_auth),
    col(Source.events_per_second),
    col(Source.last_seen_at),
).where(col(Source.revoked_at).is_(None), col(Source.name) != PORTAL)
_BY_WRITE_KEY = Prepared(
    _LOOKUP.where(
        or_(
            col(Source.write_key_hash) == bindparam("key"),
            and_(
                col(Source.previous_write_key_hash) == bindparam("key"),
                col(Source.previous_write_key_until) > bindparam("now"),
            ),
        )
    )
)
_BY_PUBLIC_KEY = Prepared(_LOOKUP.where(col(Source.public_key) == bindparam("key")))
_BY_NAME = Prepared(_LOOKUP.where(col(Source.name) == bindparam("key")))
