"""The mail that tells a new colleague how to get in. It carries no key: whoever has the address signs in with it."""

from __future__ import annotations

from dataclasses import dataclass

from portal.accounts.roles import ROLE_MEANINGS, ROLE_WORDS, Role
from portal.kit.i18n import Locale, Message
from portal.kit.mail import Mail
from portal.kit.templating import Templates


@dataclass(frozen=True)
class Invitation:
    """For `mails/staff_invitation.txt` and `.html`."""

    locale: Locale
    subject: Message
    salutation: Message
    sentence: Message
    role: Message
    means: Message
    vendor_name: str
    url: str


def invitation(
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
    letter = Invitation(
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
