"""Mail: one message in text and HTML, a real sender and a console one.

A mail is queued as a job in the transaction of what it tells of (`queue`), and sent by the worker: a mail server that
hangs holds up nobody, and a refused transaction sends nothing.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, formataddr, make_msgid
from typing import Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from sqlmodel import Session

from portal.kit.jobs import enqueue


@dataclass(frozen=True)
class Mail:
    """One mail to one person."""

    to: str
    subject: str
    text: str
    html: str


class Mailer(Protocol):
    """Whatever carries a mail away. Raises on failure; the job is then tried again."""

    async def send(self, mail: Mail, *, now: datetime) -> None: ...


@dataclass(frozen=True)
class ConsoleMailer:
    """Prints the text of each mail: for a machine without a mail server."""

    sender: str

    async def send(self, mail: Mail, *, now: datetime) -> None:
        sys.stdout.write(f"--- mail to {mail.to}: {mail.subject}\n{mail.text}\n---\n")
        sys.stdout.flush()


@dataclass(frozen=True)
class SmtpMailer:
    """Sends through `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://` (TLS from the start)."""

    url: str
    sender: str
    sender_name: str

    async def send(self, mail: Mail, *, now: datetime) -> None:
        server = urlsplit(self.url)
        implicit = server.scheme == "smtps"
        await aiosmtplib.send(
            compose(mail, sender=self.sender, sender_name=self.sender_name, now=now),
            hostname=server.hostname or "localhost",
            port=server.port or (465 if implicit else 587),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=implicit,
            timeout=20,
        )


def compose(mail: Mail, *, sender: str, sender_name: str, now: datetime) -> EmailMessage:
    """The MIME message, text first; a line break in an address or subject raises `ValueError`."""
    message = EmailMessage()
    message["From"] = formataddr((sender_name, sender))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def queue(session: Session, mail: Mail, *, now: datetime, dedupe_key: str | None = None) -> None:
    """Send `mail` soon after this transaction commits; not where one with this `dedupe_key` is still to be sent."""
    enqueue(session, "mail", asdict(mail), now=now, dedupe_key=dedupe_key)
