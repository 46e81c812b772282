"""Mail: queued with its cause, composed for any reader, carried by a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.mail import ConsoleMailer, Mail, SmtpMailer, compose, queue
from tests.factories import NOW
from tests.postgres import free_port

MAIL = Mail(
    to="tanaka@example.com", subject="サインインのご案内", text="123456\nこんにちは\n", html="<p>こんにちは</p>"
)


def composed(mail: Mail = MAIL) -> EmailMessage:
    made = compose(mail, sender="portal@vendor.example", sender_name="伴走クラウド", now=NOW)
    read = message_from_bytes(made.as_bytes(), policy=default)
    assert isinstance(read, EmailMessage)
    return read


def test_a_mail_as_its_reader_gets_it() -> None:
    mail = composed()
    assert (mail["To"], mail["Subject"]) == ("tanaka@example.com", "サインインのご案内")
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("伴走クラウド", "portal@vendor.example")
    assert mail["Date"].datetime == NOW
    assert mail["Message-ID"].endswith("@vendor.example>")
    assert mail["Auto-Submitted"] == "auto-generated"
    text, html = mail.iter_parts()
    assert (text.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    assert text.get_content() == MAIL.text
    assert html.get_content().strip() == MAIL.html


@pytest.mark.parametrize(
    ("to", "subject"),
    [("a@example.com\nBcc: b@example.com", "x"), ("a@example.com", "x\r\nBcc: b@example.com")],
)
def test_nobody_smuggles_in_a_header(to: str, subject: str) -> None:
    with pytest.raises(ValueError, match=r"linefeed|newline|CR or LF"):
        composed(Mail(to, subject, "", ""))


async def test_a_mail_goes_with_its_transaction(db: Database) -> None:
    def refused(session: Session) -> None:
        queue(session, MAIL, now=NOW)
        raise LookupError

    with pytest.raises(LookupError):
        await db.write(refused)
    await db.write(lambda session: queue(session, MAIL, now=NOW, dedupe_key="welcome:1"))
    await db.write(lambda session: queue(session, MAIL, now=NOW, dedupe_key="welcome:1"))
    (payload,) = await db.read(lambda session: list(session.execute(select(col(Job.payload))).scalars()))
    assert Mail(**payload) == MAIL


async def test_without_a_server_it_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    await ConsoleMailer(sender="portal@vendor.example").send(MAIL, now=NOW)
    printed = capsys.readouterr().out
    assert "tanaka@example.com: サインインのご案内\n123456\n" in printed
    assert "<p>" not in printed


class Postbox:
    """Takes what comes, or refuses everybody."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, list[str], EmailMessage]] = []

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802 - named by aiosmtpd
        if address.startswith("nobody"):
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - named by aiosmtpd
        read = message_from_bytes(envelope.content, policy=default)
        assert isinstance(read, EmailMessage)
        self.taken.append((envelope.mail_from, envelope.rcpt_tos, read))
        return "250 OK"


@pytest.fixture
def post() -> Iterator[tuple[Postbox, SmtpMailer]]:
    box = Postbox()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    url = f"smtp://127.0.0.1:{controller.port}"
    yield box, SmtpMailer(url=url, sender="portal@vendor.example", sender_name="伴走クラウド")
    controller.stop()


async def test_a_server_gets_it(post: tuple[Postbox, SmtpMailer]) -> None:
    box, mailer = post
    await mailer.send(MAIL, now=NOW)
    ((sender, to, mail),) = box.taken
    assert (sender, to) == ("portal@vendor.example", ["tanaka@example.com"])
    assert mail["Subject"] == MAIL.subject


async def test_what_a_server_refuses_is_an_error(post: tuple[Postbox, SmtpMailer]) -> None:
    _, mailer = post
    with pytest.raises(aiosmtplib.SMTPException):
        await mailer.send(Mail("nobody@example.com", "x", "x", "x"), now=NOW)


async def test_a_server_that_is_not_there_is_an_error() -> None:
    mailer = SmtpMailer(url=f"smtp://127.0.0.1:{free_port()}", sender="a@b.example", sender_name="x")
    with pytest.raises(aiosmtplib.SMTPException):
        await asyncio.wait_for(mailer.send(MAIL, now=NOW), 10)
