"""What is said of a letter: why it was written, what became of it, and why it was held back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from portal.kit.dates import day
from portal.kit.i18n import Locale, Message
from portal.mailing.models import Letter

STATES: Mapping[str, tuple[Message, str]] = {
    "waiting": (Message("To be sent"), ""),
    "sending": (Message("On its way"), ""),
    "sent": (Message("Sent"), "good"),
    "held": (Message("Held back"), "warn"),
    "failed": (Message("Not taken"), "bad"),
    "uncertain": (Message("Unclear"), "warn"),
}
STOPPED: Mapping[str, tuple[Message, str]] = {
    "unsubscribed": (Message("Wants no mails"), ""),
    "bounced": (Message("Comes back"), "bad"),
}
HELD: Mapping[str, Message] = {
    "no_address": Message("No mail address is known."),
    "nobody": Message("There is nobody of this customer to write to."),
    "no_run": Message("The customer does not go through this checklist."),
    "gone": Message("The person is not there any more."),
    "account_left": Message("The customer has left."),
    "unsubscribed": Message("The person wants no more mails."),
    "bounced": Message("Mails to this address come back."),
    "switched_off": Message("The rule was switched off meanwhile."),
    "reason_gone": Message("The reason was gone before it was sent."),
    "cap_person": Message("The person got enough mails within seven days."),
    "cap_account": Message("The customer got enough mails within seven days."),
    "gap": Message("Something the template names is not known: %(names)s"),
    "template_gone": Message("The template is gone."),
    "revoked": Message("The person was taken off the summary."),
    "withdrawn": Message("Taken back by hand before it was sent."),
}
FAILED: Mapping[str, Message] = {
    "bad_address": Message("The mail server says that nobody is reached at this address."),
    "refused": Message("The mail server refused the mail."),
    "unreachable": Message("The mail server could not be reached, again and again."),
    "unanswered": Message(
        "It was handed over, and no answer came: it may have arrived. It is not sent again by itself."
    ),
    "interrupted": Message(
        "The portal stopped while handing it over: it may have arrived. It is not sent again by itself."
    ),
}


def why_written(letter: Letter, *, locale: Locale, zone: ZoneInfo, titles: Mapping[str, str]) -> Message:
    """Why there is this letter. `titles` are those of the checklists, by key."""
    if letter.cause == "hand":
        return Message("Sent by %(name)s", name=letter.by_name or letter.by)
    because: Mapping[str, Any] = letter.because
    title = titles.get(str(because.get("checklist")), str(because.get("checklist", "")))
    match letter.rule:
        case "welcome":
            return Message("By rule: the person was invited")
        case "next_step":
            days = because.get("days", 0)
            return Message("By rule: no step of “%(title)s” done for %(days)s days", title=title, days=days)
        case "deadline_near":
            return Message("By rule: “%(title)s” is due on %(day)s", title=title, day=_day(because, locale, zone))
        case "overdue":
            return Message("By rule: “%(title)s” was due on %(day)s", title=title, day=_day(because, locale, zone))
        case "completed":
            return Message("By rule: “%(title)s” is completed", title=title)
    return Message("By rule: weekly summary")


def became(letter: Letter) -> Message:
    """What became of it, in a line."""
    held = why_held(letter.reason, letter.detail)
    if letter.subject and held is None:
        return Message("Mail “%(subject)s”: %(state)s", subject=letter.subject, state=STATES[letter.state][0])
    if held is not None:
        return Message("Mail %(state)s: %(why)s", state=STATES[letter.state][0], why=held)
    return Message("Mail: %(state)s", state=STATES[letter.state][0])


def why_held(reason: str | None, detail: str) -> Message | None:
    """Why it was held back, or not taken; None where there is nothing to say."""
    found = HELD.get(reason or "") or FAILED.get(reason or "")
    if found is None:
        return None
    return Message(found.msgid, names=detail) if reason == "gap" else found


def _day(because: Mapping[str, Any], locale: Locale, zone: ZoneInfo) -> str:
    return day(date.fromisoformat(because["day"]), locale=locale, zone=zone) if because.get("day") else "–"
