"""The mail to the installation's owners when an endpoint was disabled: which, why, and what to do now."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from portal.accounts.models import Staff
from portal.accounts.staff import list_staff
from portal.kit.i18n import Locale, Message, as_locale
from portal.kit.mail import Mail, queue
from portal.kit.templating import Templates
from portal.kit.web import Site
from portal.webhooks.models import Endpoint


@dataclass(frozen=True)
class DisabledMail:
    """For `mails/webhook_disabled.txt` and `.html`."""

    locale: Locale
    subject: Message
    salutation: Message
    vendor_name: str
    endpoint_url: str
    reason: Message
    url: str


REASONS = {
    "gone": Message("It answered 410 Gone: whoever runs it wants nothing more."),
    "failing": Message("No delivery has succeeded for five days."),
}


def tell_owners(site: Site, session: Session, endpoint: Endpoint, *, now: datetime) -> None:
    """Queue a mail to each owner, in their language."""
    for person in list_staff(session):
        if person.role == "owner":
            letter = compose(site.templates, person, endpoint, site=site)
            queue(session, letter, now=now, dedupe_key=f"webhook-disabled:{endpoint.id}:{person.id}:{now.isoformat()}")


def compose(templates: Templates, person: Staff, endpoint: Endpoint, *, site: Site) -> Mail:
    """The mail, in text and HTML."""
    locale = as_locale(person.locale, site.locale)
    letter = DisabledMail(
        locale=locale,
        subject=Message("A webhook endpoint was disabled"),
        salutation=Message("Hello %(name)s,", name=person.name) if person.name else Message("Hello,"),
        vendor_name=site.vendor_name,
        endpoint_url=endpoint.url,
        reason=REASONS[endpoint.disabled_because or "failing"],
        url=f"{site.base_url.rstrip('/')}/staff/webhooks/{endpoint.key}",
    )
    text, html = (
        templates.render(locale, f"mails/webhook_disabled.{kind}", {"mail": letter}) for kind in ("txt", "html")
    )
    return Mail(to=person.email, subject=letter.subject.into(locale), text=text, html=html)
