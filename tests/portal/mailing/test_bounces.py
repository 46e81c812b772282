"""Notices of non-delivery that come back later: whom they are about, and that nobody can make one up."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlmodel import Session, select

from portal.kit.mail import SmtpMailer
from portal.mailing.alert_channels import WantedChannel, add_channel
from portal.mailing.bounces import Noted, failures, note_failures, return_path, return_paths, sent_to
from portal.mailing.models import AlertLine
from tests.onboarding import SECRETS, tokyo
from tests.portal.mailing.conftest import House
from tests.postbox import Delivered

MAILBOX = "bounces@vendor.example"
ADMIN = "admin@acme.example"
GONE = "550 5.1.1 <admin@acme.example>: no such user"


def notice(
    recipient: str = ADMIN,
    *,
    to: str = MAILBOX,
    original: str = "",
    action: str = "failed",
    status: str = "5.1.1",
    said: str = GONE,
    returned: bytes = b"Message-ID: <x@vendor.example>\n\nHello",
    headers_only: bool = False,
) -> bytes:
    """As Postfix writes it: a word for people, one for machines, and the mail it is about."""
    lines = [f"Final-Recipient: rfc822; {recipient}", f"Action: {action}", f"Status: {status}"]
    lines += [f"Original-Recipient: rfc822;{original}"] if original else []
    lines += [f"Diagnostic-Code: smtp; {said}"] if said else []
    kind = "text/rfc822-headers" if headers_only else "message/rfc822"
    head, _, _ = returned.partition(b"\r\n\r\n" if b"\r\n\r\n" in returned else b"\n\n")
    return (
        (
            f"From: MAILER-DAEMON@relay.example\nTo: {to}\nSubject: Undelivered Mail\nMIME-Version: 1.0\n"
            'Content-Type: multipart/report; report-type=delivery-status; boundary="b"\n\n'
            "--b\nContent-Type: text/plain; charset=utf-8\n\nSorry: 宛先不明\n\n"
            "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; relay.example\n\n"
            + "\n".join(lines)
            + f"\n\n--b\nContent-Type: {kind}\n\n"
        ).encode()
        + (head if headers_only else returned)
        + b"\n\n--b--\n"
    )


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (notice(), [((ADMIN,), GONE)]),
        (notice(headers_only=True), [((ADMIN,), GONE)]),
        (notice(said=""), [((ADMIN,), "5.1.1")]),
        (notice(status="5.0.0", said="550 no such user"), [((ADMIN,), "550 no such user")]),
        (notice(status="5.2.2", said="552 mailbox full"), [((ADMIN,), "552 mailbox full 5.2.2")]),
        (notice(original="Info@Acme.example"), [(("Info@Acme.example", ADMIN), GONE)]),
        (notice("<admin@acme.example>"), [((ADMIN,), GONE)]),
        (notice("no address"), [((), GONE)]),
        (notice(action="delayed", status="4.4.1"), []),
        (notice(action="failed", status="4.4.7"), []),
        (notice(action="delivered", status="2.0.0"), []),
        (notice().partition(b"--b\nContent-Type: message/rfc822")[0], [((ADMIN,), GONE)]),
        (b"From: a@b.example\nSubject: out of office\n\nBack on Monday: Action: failed", []),
        (b"Content-Type: multipart/report; boundary=b\n\n--b\nContent-Type: message/delivery-status\n\n", []),
        (b"\xff\xfe\x00garbage", []),
        (b"", []),
    ],
)
def test_who_was_not_reached(given: bytes, found: list[tuple[tuple[str, ...], str]]) -> None:
    assert [(one.recipients, one.said) for one in failures(given)] == found


def test_a_return_path_says_nothing_of_the_address() -> None:
    path = return_path(SECRETS, MAILBOX, "Admin@ACME.example")
    assert path == return_path(SECRETS, MAILBOX, ADMIN)
    assert (path.startswith("bounces+"), path.endswith("@vendor.example"), "acme" in path) == (True, True, False)
    assert return_path(SECRETS, "", ADMIN) == ""
    assert path in sent_to(notice(to=path))


async def sent(house: House) -> Delivered:
    """A letter that the server has taken."""
    mailer = SmtpMailer(
        house.box.url, "portal@vendor.example", "伴走", returns=return_paths(house.site.secrets, MAILBOX)
    )
    house.site = replace(house.site, mailer=mailer)
    await house.begin()
    await house.switch_on("next_step", days=7, whom="admins")
    house.at(tokyo("6-09 10:00"))
    await house.look_and_work()
    (mail,) = house.box.got
    return mail


async def came_back(house: House, given: bytes, to: str = "") -> list[Noted]:
    return await house.db.write(
        lambda session: note_failures(
            session, house.site.secrets, failures(given), came_to=[to, *sent_to(given)], now=house.clock.now
        )
    )


async def test_a_letter_that_comes_back_is_marked_once_and_told(house: House) -> None:
    mail = await sent(house)
    assert mail.sender == return_path(house.site.secrets, MAILBOX, ADMIN)

    def watch(session: Session) -> None:
        wanted = WantedChannel("mail", "cs", "cs@vendor.example", wants=("bounced",))
        policy = house.site.outbound.policy
        add_channel(session, wanted, secrets=house.site.secrets, policy=policy, by="x", now=house.clock.now)

    await house.db.write(watch)
    given = notice(to=mail.sender, returned=mail.raw)
    assert await came_back(house, given) == [Noted(ADMIN, True)]
    assert await came_back(house, given) == [Noted(ADMIN, False)]
    assert (await house.became(), await house.stopped()) == ([(ADMIN, "failed", "bad_address")], [(ADMIN, "bounced")])
    (letter,) = await house.letters()
    assert letter.detail == GONE
    lines = await house.db.read(lambda session: session.exec(select(AlertLine)).all())
    assert [line.kind for line in lines] == ["bounced"]


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_what_we_did_not_write_marks_nobody(house: House) -> None:
    mail = await sent(house)
    elsewhere = return_path(house.site.secrets, MAILBOX, "else@acme.example")
    forged = mail.raw.replace(b"<letter.1.", b"<letter.1.0")
    for given in (
        notice(),
        notice(to=elsewhere, returned=forged),
        notice(to=mail.sender[:-20] + "0" * 20),
        # What a member has forwarded was not reached; the member was.
        notice("private@home.example", to=mail.sender, returned=mail.raw),
    ):
        assert await came_back(house, given) == []
    assert (await house.became(), await house.stopped()) == ([(ADMIN, "sent", None)], [])


@pytest.mark.parametrize("engine_name", ["sqlite"], indirect=True)
async def test_either_proof_is_enough_and_a_full_mailbox_is_not_gone(house: House) -> None:
    mail = await sent(house)
    full = notice(to="postmaster@vendor.example", status="5.2.2", said="552 5.2.2 full", returned=mail.raw)
    assert await came_back(house, full) == [Noted(ADMIN, False)]
    assert (await house.became(), await house.stopped()) == ([(ADMIN, "failed", "refused")], [])
    # A sign-in mail has no letter; its address is proven by where the notice came to, which the relay may have to tell.
    assert await came_back(house, notice(to=MAILBOX), to=mail.sender.upper()) == [Noted(ADMIN, True)]
    assert await house.stopped() == [(ADMIN, "bounced")]
