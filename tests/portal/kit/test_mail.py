"""Mail: queued with its cause, composed for any reader, carried by a real SMTP server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from sqlalchemy import select
from sqlmodel import Session, col

from portal.kit.db import Database
from portal.kit.jobs import Job
from portal.kit.mail import (
    ConsoleMailer,
    Delayed,
    Mail,
    Refused,
    SmtpMailer,
    Unanswered,
    Undelivered,
    compose,
    is_bad_address,
    queue,
)
from tests.factories import NOW
from tests.postbox import Postbox, postbox
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


@pytest.fixture
def post() -> Iterator[tuple[Postbox, SmtpMailer]]:
    with postbox() as box:
        yield box, SmtpMailer(url=box.url, sender="portal@vendor.example", sender_name="伴走クラウド", seconds=0.5)


async def test_a_server_gets_it(post: tuple[Postbox, SmtpMailer]) -> None:
    box, mailer = post
    await mailer.send(MAIL, now=NOW)
    (one,) = box.got
    assert (one.to, one.mail["Subject"]) == ("tanaka@example.com", MAIL.subject)


@pytest.mark.parametrize(
    ("code", "said", "bad"),
    [
        (550, "no such person", True),
        (550, "5.1.1 <a@example.com>: user unknown", True),
        (550, "5.7.1 we do not relay for you", False),
        (553, "5.1.3 bad destination syntax", True),
        (554, "5.2.1 mailbox disabled", True),
        (552, "5.2.2 mailbox full", False),
        (554, "transaction failed", False),
        (556, "5.1.10 the domain takes no mail", True),
    ],
)
def test_which_refusal_is_about_the_address(code: int, said: str, bad: bool) -> None:
    assert is_bad_address(code, said) is bad


@pytest.mark.parametrize(
    ("recipient", "content", "error"),
    [
        ("550 5.1.1 no such person", "250 OK", Refused),
        ("450 4.2.1 try again later", "250 OK", Delayed),
        ("250 OK", "554 5.7.1 looks like spam", Refused),
        ("250 OK", "451 4.3.0 not now", Delayed),
        (None, "250 OK", Delayed),
        ("250 OK", None, Unanswered),
    ],
)
async def test_a_failure_says_whether_to_try_again(
    post: tuple[Postbox, SmtpMailer], recipient: str | None, content: str | None, error: type[Undelivered]
) -> None:
    box, mailer = post
    box.recipient, box.content = (lambda _: recipient), (lambda: content)
    with pytest.raises(error) as raised:
        await mailer.send(MAIL, now=NOW)
    if isinstance(raised.value, Refused):
        assert raised.value.is_bad_address is (recipient != "250 OK")
        assert raised.value.said == (recipient if recipient != "250 OK" else content)


async def test_a_server_that_is_not_there_is_asked_again_later() -> None:
    mailer = SmtpMailer(url=f"smtp://127.0.0.1:{free_port()}", sender="a@b.example", sender_name="x")
    with pytest.raises(Delayed):
        await asyncio.wait_for(mailer.send(MAIL, now=NOW), 10)


async def test_headers_of_a_letter_are_in_one_piece(post: tuple[Postbox, SmtpMailer]) -> None:
    box, mailer = post
    url = f"https://portal.{'long-' * 12}vendor.example/unsubscribe/123456-{'0' * 24}"
    letter = replace(
        MAIL,
        unsubscribe_url=url,
        message_id="<letter.1.abc@vendor.example>",
        reply_to="sato@vendor.example",
        is_automatic=False,
    )
    await mailer.send(letter, now=NOW)
    raw = box.got[0].raw
    assert f"List-Unsubscribe: <{url}>\r\n".encode() in raw
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in raw
    assert b"Message-ID: <letter.1.abc@vendor.example>\r\n" in raw
    assert b"Reply-To: sato@vendor.example\r\n" in raw
    assert b"Auto-Submitted" not in raw
