"""Notices of non-delivery that come back later as mails (RFC 3464), read so that the address is marked.

Anybody can write such a notice, so nothing in it is believed but what we can prove to have written ourselves: either it
brings back the Message-ID of a letter, or it was sent to a return path that was made for that very address. Both hold
only for the address that the notice says was not reached: where somebody forwards their mail to an address that is
gone, that is theirs to mend.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, message_from_string
from email.message import Message as Parsed
from typing import Final

from sqlmodel import Session

from portal.accounts.rules import email_key, is_email
from portal.kit.mail import is_bad_address
from portal.kit.secrets import Secrets
from portal.mailing import alerts
from portal.mailing.addresses import stop
from portal.mailing.composing import letter_named
from portal.mailing.models import Letter

PURPOSE: Final = "bounce"
MAC: Final = 24
LARGEST: Final = 2_000_000
"""What comes back with a notice may be long; what is looked for stands before it."""
TOKEN: Final = re.compile(rf"\+([0-9a-f]{{{MAC}}})@", re.IGNORECASE)
SENT_TO: Final = ("Delivered-To", "X-Original-To", "Envelope-To", "To")


@dataclass(frozen=True)
class Failure:
    """One recipient whom a mail did not reach, for good. `recipients` are what it is called in the notice (as we wrote
    it, and as the last server did), `said` what that server said, and `message_id` the mail's."""

    recipients: tuple[str, ...]
    said: str
    message_id: str


@dataclass(frozen=True)
class Noted:
    """What became of a failure; `is_marked` where the address gets no more mails by it."""

    address: str
    is_marked: bool


def return_path(secrets: Secrets, mailbox: str, address: str) -> str:
    """Where notices about mails to `address` are to come back: `bounces+<proof>@…` for the mailbox `bounces@…`.

    The proof says nothing of the address to whoever sees it. "" without a mailbox: then the sender is used.
    """
    name, _, host = mailbox.rpartition("@")
    return f"{name}+{secrets.mac(PURPOSE, email_key(address))[:MAC]}@{host}" if name else ""


def return_paths(secrets: Secrets, mailbox: str) -> Callable[[str], str]:
    """The same, for a mailer that asks with each mail."""
    return lambda address: return_path(secrets, mailbox, address)


def failures(notice: bytes) -> list[Failure]:
    """Who was not reached for good, by a notice; none for any other mail. Delays and successes say nothing."""
    message = message_from_bytes(notice[:LARGEST])
    parts = list(message.walk())
    message_id = next((found for part in parts if (found := _returned_id(part))), "")
    return [
        Failure(recipients, said, message_id)
        for part in parts
        if part.get_content_type() == "message/delivery-status"
        for recipients, said in _recipients(part)
    ]


def sent_to(notice: bytes) -> list[str]:
    """The addresses to which a notice came, as far as its head says so."""
    message = message_from_bytes(notice[:LARGEST])
    return [str(value) for name in SENT_TO for value in message.get_all(name, [])]


def note_failures(
    session: Session, secrets: Secrets, found: Sequence[Failure], *, came_to: Sequence[str], now: datetime
) -> list[Noted]:
    """Mark whom we can prove to have written to; told twice, it is noted once."""
    proofs = [proof.lower() for address in came_to for proof in TOKEN.findall(address)]
    noted = []
    for failure in found:
        letter = letter_named(session, secrets, failure.message_id)
        address = next((one for one in failure.recipients if _is_ours(secrets, one, letter, proofs)), None)
        if address is None:
            continue
        is_bad = is_bad_address(*_answer(failure.said))
        if letter is not None and letter.to_key == email_key(address) and letter.state in ("sent", "uncertain"):
            letter.state, letter.reason = "failed", "bad_address" if is_bad else "refused"
            letter.detail, letter.at = failure.said[:500], now
            session.add(letter)
        is_marked = is_bad and stop(session, address, "bounced", now=now, detail=failure.said)
        if is_marked and letter is not None:
            alerts.tell_bounced(session, letter, now=now)
        noted.append(Noted(address, is_marked))
    session.flush()
    return noted


def _is_ours(secrets: Secrets, address: str, letter: Letter | None, proofs: Sequence[str]) -> bool:
    key = email_key(address)
    if letter is not None and letter.to_key == key:
        return True
    made = [mac[:MAC] for mac in secrets.macs(PURPOSE, key)] if proofs else []
    return any(proof in made for proof in proofs)


def _answer(said: str) -> tuple[int, str]:
    """The code of an SMTP answer, 0 where there is none, and all of it."""
    code = re.match(r"\s*(\d{3})\b", said)
    return int(code[1]) if code else 0, said


def _recipients(status: Parsed) -> Iterator[tuple[tuple[str, ...], str]]:
    """Whoever was not reached for good, in one machine-readable part: the first block is about the mail as a whole."""
    blocks = status.get_payload()
    for block in blocks[1:] if isinstance(blocks, list) else ():
        if not isinstance(block, Parsed) or _field(block, "Action").lower() != "failed":
            continue
        code = _field(block, "Status").split(" ", 1)[0]
        if code.startswith("4"):
            continue
        told = (_field(block, "Original-Recipient"), _field(block, "Final-Recipient"))
        names = (one.rpartition(";")[2].strip().strip("<>") for one in told)
        diagnostic = " ".join(_field(block, "Diagnostic-Code").rpartition(";")[2].split())
        # `5.0.0` says nothing that the answer beside it does not say.
        said = (
            diagnostic
            if diagnostic and (code in diagnostic or code.endswith(".0.0"))
            else f"{diagnostic} {code}".strip()
        )
        yield tuple(dict.fromkeys(one for one in names if is_email(one))), said


def _returned_id(part: Parsed) -> str:
    kind, payload = part.get_content_type(), part.get_payload()
    if kind == "message/rfc822" and isinstance(payload, list) and payload and isinstance(payload[0], Parsed):
        return _field(payload[0], "Message-ID")
    if kind in ("text/rfc822-headers", "message/rfc822-headers"):
        text = part.get_payload(decode=True)
        return (
            _field(message_from_string(text.decode("utf-8", "replace")), "Message-ID")
            if isinstance(text, bytes)
            else ""
        )
    return ""


def _field(message: Parsed, name: str) -> str:
    return " ".join(str(message.get(name, "")).split())
