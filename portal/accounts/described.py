"""Customers and people as forms describe them: each field as the text a person sees, and what a changed text means.

Only what was changed in the form counts: a moment shown as its day must not move to midnight because somebody saved
another field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from portal.accounts.fields import ACCOUNT_FIELDS, MEMBER_FIELDS, Reader, Reading, domains, read_fields
from portal.accounts.models import Account, Member
from portal.accounts.own_fields import PREFIX, as_text, label_of, readers
from portal.accounts.records import AccountField
from portal.kit.clock import local_day
from portal.kit.i18n import Locale, Message

Texts = Mapping[str, str]


@dataclass(frozen=True)
class FormField:
    """One field of a form; `kind` is the type of its input."""

    name: str
    label: Message
    kind: Literal["text", "email", "date", "number", "lines"] = "text"
    hint: Message | None = None
    required: bool = False
    options: Sequence[tuple[str, Message]] = ()
    """What it may be, where that is one of a few."""
    empty: Message | None = None
    """What it means where none of them is chosen."""


CUSTOMER_FIELDS: Sequence[FormField] = (
    FormField("name", Message("Name"), required=True),
    FormField("name_kana", Message("Name in kana"), hint=Message("For finding and sorting Japanese names.")),
    FormField("plan", Message("Plan"), hint=Message("Its key. One nobody has used before comes into being.")),
    FormField("seats", Message("Seats")),
    FormField("tier", Message("Tier")),
    FormField("owner", Message("Owner"), hint=Message("The mail address of the colleague who looks after them.")),
    FormField("started_at", Message("Started"), "date", hint=Message("Deadlines count from this day.")),
    FormField("renews_at", Message("Renews"), "date"),
    FormField("notice_by", Message("Notice by"), "date"),
    FormField("mrr", Message("Monthly revenue")),
    FormField("currency", Message("Currency"), hint=Message("Three letters, like JPY.")),
    FormField(
        "mail_domains",
        Message("Mail domains"),
        hint=Message("Only addresses at these are invited. Empty: any address."),
    ),
    FormField("goal", Message("Goal"), "lines", hint=Message("What they want to reach, in their own words.")),
)
PERSON_FIELDS: Sequence[FormField] = (
    FormField("name", Message("Name")),
    FormField("name_kana", Message("Name in kana"), hint=Message("For finding and sorting Japanese names.")),
    FormField("email", Message("Mail address"), "email", hint=Message("They sign in with it.")),
    FormField(
        "role",
        Message("Role"),
        hint=Message("“admin” sees the progress of the team; else “member” or a word of yours."),
    ),
    FormField("department", Message("Department")),
    FormField(
        "locale",
        Message("Language"),
        options=(("ja", Message("Japanese")), ("en", Message("English"))),
        empty=Message("As their browser asks"),
    ),
    FormField("joined_at", Message("Joined"), "date"),
)


def customer_texts(account: Account, zone: ZoneInfo, own: Sequence[AccountField] = ()) -> dict[str, str]:
    """What the form of a customer shows."""
    values = {**account.model_dump(), "plan": account.plan_key, "mail_domains": ", ".join(account.mail_domains)}
    texts = {one.name: _text(values[one.name], zone) for one in CUSTOMER_FIELDS}
    return texts | {f"{PREFIX}{one.key}": as_text(account.traits.get(one.key)) for one in own}


def customer_fields(own: Sequence[AccountField], locale: Locale) -> list[FormField]:
    """The fields of that form, those of the vendor's own last."""
    kinds: Mapping[str, Literal["number", "date"]] = {"number": "number", "day": "date"}
    yes_no = [("yes", Message("Yes")), ("no", Message("No"))]
    more = [
        FormField(
            f"{PREFIX}{one.key}",
            Message("%(name)s", name=label_of(one, locale)),
            kinds.get(one.kind, "text"),
            options=yes_no
            if one.kind == "yes_no"
            else [(word, Message("%(name)s", name=word)) for word in one.choices],
        )
        for one in own
    ]
    return [*CUSTOMER_FIELDS, *more]


def person_texts(member: Member, zone: ZoneInfo) -> dict[str, str]:
    """What the form of a person shows."""
    values = member.model_dump()
    return {one.name: _text(values[one.name], zone) for one in PERSON_FIELDS}


def read_customer(given: Texts, shown: Texts, *, zone: ZoneInfo, own: Sequence[AccountField] = ()) -> Reading:
    """The changes to a customer that a sent form asks for, and what is wrong with it."""
    reading = _read(given, shown, {**ACCOUNT_FIELDS, "mail_domains": domains, **readers(own)}, zone)
    names = [name for name in reading.changes if name.startswith(PREFIX)]
    if names:
        reading.changes["traits"] = {name.removeprefix(PREFIX): reading.changes.pop(name) for name in names}
    if reading.changes.get("mail_domains", ()) is None:
        reading.changes["mail_domains"] = []
    return reading


def read_person(given: Texts, shown: Texts, *, zone: ZoneInfo) -> Reading:
    """The changes to a person that a sent form asks for, and what is wrong with it."""
    return _read(given, shown, MEMBER_FIELDS, zone)


def _read(given: Texts, shown: Texts, readers: Mapping[str, Reader], zone: ZoneInfo) -> Reading:
    changed = {name: text for name, text in given.items() if text.strip() != shown.get(name, "").strip()}
    return read_fields(changed, readers, zone=zone)


def _text(value: object, zone: ZoneInfo) -> str:
    if isinstance(value, datetime):
        return local_day(value, zone).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value)
