"""`banso doctor`: what is wrong with an installation, before its users find out."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import aiosmtplib
from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, select

from portal.events.models import Source
from portal.kit import db, migrations
from portal.kit.errors import Unavailable
from portal.kit.i18n import Message
from portal.kit.secrets import Secrets
from portal.settings import Settings, is_loopback

Level = Literal["good", "warn", "bad"]
LOW_DISK = 1_000_000_000
CLOCK_SKEW = timedelta(seconds=5)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: `good`, `warn` (worth mending) or `bad` (must be)."""

    level: Level
    subject: str
    message: Message


def examine(settings: Settings, *, now: datetime) -> list[Finding]:
    """Look at everything; a check that cannot be made is a finding of its own, never a crash."""
    return [*_database(settings, now), *_secret(settings), *_mail(settings), *_disk(settings)]


def _database(settings: Settings, now: datetime) -> Iterator[Finding]:
    try:
        version, at, sealed = db.run(settings.database_url, _asked, write=False)
    except (Unavailable, SQLAlchemyError, OSError) as error:
        yield Finding("bad", "database", Message("cannot be reached: %(detail)s", detail=_first_line(error)))
        return
    yield Finding("good", "database", Message("answers"))
    if version == migrations.head():
        yield Finding("good", "schema", Message("is current (%(version)s)", version=version))
    else:
        found = version or Message("none")
        yield Finding("bad", "schema", Message("is %(found)s; run: banso migrate", found=found))
    if at is not None and abs(at - now) > CLOCK_SKEW:
        seconds = round(abs(at - now).total_seconds())
        yield Finding("warn", "clock", Message("differs from the database's by %(seconds)s seconds", seconds=seconds))
    else:
        yield Finding("good", "clock", Message("agrees; the vendor's zone is %(zone)s", zone=settings.timezone))
    if sealed is not None and not _opens(settings, sealed):
        yield Finding(
            "bad",
            "secret",
            Message("does not open the secrets of the sources; set BANSO_SECRET_KEY_PREVIOUS to the old one"),
        )


def _asked(session: Session) -> tuple[str | None, datetime | None, str | None]:
    connection = session.connection()
    version = migrations.version_of(connection)
    at = None
    if connection.dialect.name == "postgresql":
        at = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    sealed = session.exec(select(Source.signing_secret).limit(1)).first() if version == migrations.head() else None
    return version, at, sealed


def _opens(settings: Settings, sealed: str) -> bool:
    try:
        Secrets(settings.secret, settings.secret_key_previous).decrypt(sealed)
    except ValueError:
        return False
    return True


def _secret(settings: Settings) -> Iterator[Finding]:
    host = urlsplit(settings.base_url).hostname or ""
    if settings.secret_key:
        yield Finding("good", "secret", Message("is set"))
    elif is_loopback(host):
        yield Finding("warn", "secret", Message("is not set; the portal serves this machine only"))
    else:
        yield Finding("bad", "secret", Message("is not set; the portal refuses to serve beyond this machine"))
    if not is_loopback(host) and not settings.https:
        yield Finding("warn", "base url", Message("is not HTTPS: sign-ins can be read on the way"))


def _mail(settings: Settings) -> Iterator[Finding]:
    if not settings.smtp_url:
        yield Finding("warn", "mail", Message("goes to the console; set BANSO_SMTP_URL to send it"))
        return
    server = urlsplit(settings.smtp_url)
    implicit = server.scheme == "smtps"
    client = aiosmtplib.SMTP(
        hostname=server.hostname or "localhost",
        port=server.port or (465 if implicit else 587),
        use_tls=implicit,
        timeout=5,
    )

    async def greet() -> None:
        async with client:
            await client.noop()

    try:
        asyncio.run(greet())
    except (aiosmtplib.SMTPException, OSError) as error:
        yield Finding("bad", "mail", Message("the server cannot be reached: %(detail)s", detail=_first_line(error)))
    else:
        yield Finding("good", "mail", Message("the server answers"))
        domain = settings.sender.rpartition("@")[2]
        said = Message(
            "DKIM, SPF and DMARC of %(domain)s are left to the server that sends: see that it signs", domain=domain
        )
        yield Finding("good", "mail", said)


def _disk(settings: Settings) -> Iterator[Finding]:
    url = make_url(settings.database_url)
    folder = Path(url.database or "").resolve().parent if url.get_backend_name() == "sqlite" else Path()
    free = shutil.disk_usage(folder if folder.is_dir() else Path()).free
    gigabytes = f"{free / 1e9:.1f}"
    if free < LOW_DISK:
        yield Finding("warn", "disk", Message("only %(free)s GB are free", free=gigabytes))
    else:
        yield Finding("good", "disk", Message("%(free)s GB are free", free=gigabytes))


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause) or type(cause).__name__).splitlines()[0][:200]
