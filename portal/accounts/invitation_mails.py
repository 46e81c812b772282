"""The mails that tell somebody how to get in: a colleague of the vendor, or a person of a customer.

A colleague's carries no key: whoever has the address signs in with it. A customer's carries a link of its own, since
the first time is when people are lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.invitations import invitation_path, state_of
from portal.accounts.mails import salutation
from portal.accounts.models import Account, Invitation, Member
from portal.accounts.roles import ROLE_MEANINGS, ROLE_WORDS, Role
from portal.accounts.sign_in import Person
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.jobs import Claim
from portal.kit.mail import Mail
from portal.kit.templating import Templates
from portal.kit.web import Site


@dataclass(frozen=True)
class StaffInvitation:
    """For `mails/staff_invitation.txt` and `.html`."""

    locale: Locale
    subject: Message
    salutation: Message
    sentence: Message
    role: Message
    means: Message
    vendor_name: str
    url: str


@dataclass(frozen=True)
class MemberInvitation:
    """For `mails/invitation.txt` and `.html`. `until` is the last moment at which the link works."""

    locale: Locale
    subject: Message
    salutation: Message
    sentence: Message
    vendor_name: str
    url: str
    until: datetime


async def send_invitation(site: Site, job: Claim) -> None:
    """The handler of `invitations.MAIL_JOB`; for an invitation that was taken back meanwhile it sends nothing."""
    now = site.clock()
    invitation_id = int(job.payload["invitation"])
    found = await site.database.read(lambda session: _waiting(session, invitation_id, now=now))
    if found is None:
        return
    invitation, member, account = found
    token = site.secrets.decrypt(job.payload["sealed"])
    letter = member_invitation(
        site.templates,
        invitation,
        member,
        account,
        locale=as_locale(member.locale, site.locale),
        vendor_name=site.vendor_name,
        url=f"{site.base_url.rstrip('/')}{invitation_path(token)}",
    )
    await site.mailer.send(letter, now=now)


def member_invitation(
    templates: Templates,
    invitation: Invitation,
    member: Member,
    account: Account,
    *,
    locale: Locale,
    vendor_name: str,
    url: str,
) -> Mail:
    """The mail to a person of a customer, in their language, in text and HTML."""
    letter = MemberInvitation(
        locale=locale,
        subject=Message("You are invited to the portal of %(vendor)s", vendor=vendor_name),
        salutation=salutation(Person(None, member.id, member.name, member.email or "", account.name, member.locale)),
        sentence=Message(
            "%(person)s invites you to the portal of %(vendor)s.", person=invitation.by_name, vendor=vendor_name
        ),
        vendor_name=vendor_name,
        url=url,
        until=invitation.expires_at,
    )
    text, html = (templates.render(locale, f"mails/invitation.{kind}", {"mail": letter}) for kind in ("txt", "html"))
    return Mail(to=member.email or "", subject=letter.subject.into(locale), text=text, html=html)


def staff_invitation(
    templates: Templates,
    *,
    to: str,
    name: str,
    invited_by: str,
    role: Role,
    locale: Locale,
    vendor_name: str,
    url: str,
) -> Mail:
    """The mail in the installation's language, in text and HTML."""
    letter = StaffInvitation(
        locale=locale,
        subject=Message("You now have access to the portal of %(vendor)s", vendor=vendor_name),
        salutation=Message("Hello %(name)s,", name=name) if name else Message("Hello,"),
        sentence=Message(
            "%(person)s has given you access to the portal of %(vendor)s.", person=invited_by, vendor=vendor_name
        ),
        role=ROLE_WORDS[role],
        means=ROLE_MEANINGS[role],
        vendor_name=vendor_name,
        url=url,
    )
    text, html = (
        templates.render(locale, f"mails/staff_invitation.{kind}", {"mail": letter}) for kind in ("txt", "html")
    )
    return Mail(to=to, subject=letter.subject.into(locale), text=text, html=html)


def _waiting(session: Session, invitation_id: int, *, now: datetime) -> tuple[Invitation, Member, Account] | None:
    query = (
        select(Invitation, Member, Account)
        .join(Member, col(Member.id) == col(Invitation.member_id))
        .join(Account, col(Account.id) == col(Member.account_id))
        .where(col(Invitation.id) == invitation_id, col(Member.email_key) == col(Invitation.email_key))
    )
    row = session.execute(query).one_or_none()
    if row is None or state_of(row[0], now=now) not in ("invited", "opened"):
        return None
    return row[0], row[1], row[2]
