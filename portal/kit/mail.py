"""Mail: one message in text and HTML, a real sender and a console one.

A mail is queued as a job in the transaction of what it tells of (`queue`), and sent by the worker: a mail server that
hangs holds up nobody, and a refused transaction sends nothing.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from email.headerregistry import BaseHeader, HeaderRegistry, UnstructuredHeader
from email.message import EmailMessage
from email.policy import Policy, default
from email.utils import format_datetime, formataddr, make_msgid
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import aiosmtplib
from aiosmtplib.response import SMTPResponse
from sqlmodel import Session

from portal.kit.jobs import enqueue

SECONDS = 20.0
BAD_ADDRESS = frozenset({"5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"})
"""RFC 3463: no such mailbox, host or syntax; moved; takes no mail (RFC 7505); switched off."""
ENHANCED = re.compile(r"\b[45]\.\d{1,3}\.\d{1,3}\b")


@dataclass(frozen=True)
class Mail:
    """One mail to one person.

    `unsubscribe_url` takes them off by one POST (RFC 8058). `is_automatic`: no person sent it, so no absence note is to
    answer it (RFC 3834). `message_id` is made where none is given.
    """

    to: str
    subject: str
    text: str
    html: str
    message_id: str = ""
    reply_to: str = ""
    unsubscribe_url: str = ""
    is_automatic: bool = True


class Undelivered(Exception):
    """A mail that was not taken; `said` is what the server said, or what became of it."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said[:500]


class Refused(Undelivered):
    """Refused for good. `is_bad_address`: because of the address, and not of the mail or of us."""

    def __init__(self, said: str, *, is_bad_address: bool) -> None:
        super().__init__(said)
        self.is_bad_address = is_bad_address


class Delayed(Undelivered):
    """Not taken, certainly; the next attempt may succeed."""


class Unanswered(Undelivered):
    """Handed over, and no answer came: it may have been taken, so trying again could send it twice."""


class Mailer(Protocol):
    """Whatever carries a mail away. Raises one of `Undelivered`."""

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
    """Sends through `smtp://user:password@host:587` (STARTTLS where offered) or `smtps://` (TLS from the start).

    `returns` says where notices of non-delivery come back, by the address of a mail; "" for the sender.
    """

    url: str
    sender: str
    sender_name: str
    seconds: float = SECONDS
    returns: Callable[[str], str] = lambda _address: ""

    async def send(self, mail: Mail, *, now: datetime) -> None:
        server = urlsplit(self.url)
        implicit = server.scheme == "smtps"
        message = compose(mail, sender=self.sender, sender_name=self.sender_name, now=now)
        postman = _Postman(
            hostname=server.hostname or "localhost",
            port=server.port or (465 if implicit else 587),
            username=unquote(server.username) if server.username else None,
            password=unquote(server.password) if server.password else None,
            use_tls=implicit,
            timeout=self.seconds,
        )
        try:
            async with postman:
                await postman.send_message(message, sender=self.returns(mail.to) or None)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _refusal(error.recipients[0]) from error
        except aiosmtplib.SMTPDataError as error:
            raise _refusal(error, because_of_mail=True) from error
        except aiosmtplib.SMTPNotSupported as error:
            raise Refused(error.message, is_bad_address=True) from error
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Delayed(str(error) or type(error).__name__) from error


class _Postman(aiosmtplib.SMTP):
    """Knows whether the mail had been handed over when the line went dead."""

    async def data(self, message: str | bytes, /, **options: Any) -> SMTPResponse:
        try:
            return await super().data(message, **options)
        except (aiosmtplib.SMTPServerDisconnected, aiosmtplib.SMTPTimeoutError) as error:
            raise Unanswered(str(error)) from error


def _refusal(error: aiosmtplib.SMTPResponseException, *, because_of_mail: bool = False) -> Undelivered:
    said = f"{error.code} {error.message}"
    if error.code < 500:
        return Delayed(said)
    return Refused(said, is_bad_address=not because_of_mail and is_bad_address(error.code, error.message))


def is_bad_address(code: int, said: str) -> bool:
    """Whether a refusal of a recipient means that nobody is to be reached there, now or later.

    By the enhanced status where there is one (RFC 3463): `550 5.7.1` is about the sender. Without one: 550, 551, 553.
    """
    enhanced = ENHANCED.search(said)
    return enhanced[0] in BAD_ADDRESS if enhanced else code in (550, 551, 553)


class _Whole(UnstructuredHeader, BaseHeader):
    """A header in one piece: the standard library breaks what has no spaces into encoded words, which nobody puts
    together again where an address is meant."""

    def fold(self, *, policy: Policy) -> str:
        return f"{self.name}: {self}{policy.linesep}"


_headers = HeaderRegistry()
_headers.map_to_type("list-unsubscribe", _Whole)


def compose(mail: Mail, *, sender: str, sender_name: str, now: datetime) -> EmailMessage:
    """The MIME message, text first; a line break in an address or subject raises `ValueError`."""
    message = EmailMessage(default.clone(header_factory=_headers))
    message["From"] = formataddr((sender_name, sender))
    message["To"] = mail.to
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = mail.message_id or make_msgid(domain=sender.rpartition("@")[2] or "localhost")
    if mail.is_automatic:
        message["Auto-Submitted"] = "auto-generated"
    if mail.reply_to:
        message["Reply-To"] = mail.reply_to
    if mail.unsubscribe_url:
        message["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(mail.text)
    message.add_alternative(mail.html, subtype="html")
    return message


def queue(session: Session, mail: Mail, *, now: datetime, dedupe_key: str | None = None) -> None:
    """Send `mail` soon after this transaction commits; not where one with this `dedupe_key` is still to be sent."""
    enqueue(session, "mail", asdict(mail), now=now, dedupe_key=dedupe_key)
