"""Fields of the vendor's own: traits that staff see, keep, bring in and filter by, each with a name in both languages.

A trait is whatever a system sent; a field says of one of them what it is called and what may stand in it. What a
filterable field says of each account is kept as rows beside the traits, so that a filter is an index and no walk.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sqlalchemy import Select, delete, func, select
from sqlmodel import Session, col

from portal.accounts.changes import AccountChange
from portal.accounts.fields import ACCOUNT_FIELDS, Reader, Unreadable, day, number_in, shown, text
from portal.accounts.inserts import insert_missing
from portal.accounts.listing import different
from portal.accounts.models import Account
from portal.accounts.records import AccountField, AccountFieldValue
from portal.kit.db import chunks
from portal.kit.errors import Conflict, FieldProblem, Invalid, NotFound
from portal.kit.i18n import LOCALES, Message
from portal.kit.sql import among

PREFIX: Final = "traits."
KEY: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")
MAX_LABEL: Final = 60
MAX_CHOICES: Final = 50
MOST: Final = 40
LONGEST_VALUE: Final = 200
YES: Final = frozenset({"true", "yes", "y", "1", "on", "はい", "有", "あり", "○", "〇"})
NO: Final = frozenset({"false", "no", "n", "0", "off", "いいえ", "無", "なし", "×", "✕"})
KINDS: Final[Mapping[str, Message]] = {
    "text": Message("Short text"),
    "number": Message("A number"),
    "day": Message("A day"),
    "yes_no": Message("Yes or no"),
    "choice": Message("One of a list"),
}


def own_fields(session: Session) -> Sequence[AccountField]:
    """All of them, in their order."""
    asked = select(AccountField).order_by(col(AccountField.position), col(AccountField.key))
    return session.execute(asked).scalars().all()


def label_of(field: AccountField, locale: str) -> str:
    """What the field is called."""
    found: str = field.label.get(locale) or next(iter(field.label.values()), field.key)
    return found


def readers(fields: Sequence[AccountField]) -> dict[str, Reader]:
    """A reader for each, under `traits.<key>`."""
    return {f"{PREFIX}{one.key}": _reader(one.kind, tuple(one.choices)) for one in fields}


def keep_field(
    session: Session,
    *,
    key: str,
    label: Mapping[str, str],
    kind: str,
    choices: Sequence[str],
    is_filter: bool,
    is_new: bool,
) -> AccountField:
    """Write a field down; `Invalid` names what is wrong, `Conflict` a key that is taken."""
    problems = []
    if not KEY.fullmatch(key) or key in ACCOUNT_FIELDS:
        said = Message("Write the name of the trait as your systems send it: letters, digits, “_”, “-” and “.”.")
        problems.append(FieldProblem("key", "format", said))
    if not label or any(len(one) > MAX_LABEL for one in label.values()) or not set(label) <= set(LOCALES):
        said = Message("Write what it is called, in at most %(count)s characters.", count=MAX_LABEL)
        problems.append(FieldProblem("label_ja", "missing", said))
    if kind not in KINDS:
        problems.append(FieldProblem("kind", "unknown", Message("Choose one of the kinds.")))
    if kind == "choice" and not 1 <= len(choices) <= MAX_CHOICES:
        said = Message("Write 1 to %(count)s choices, one a line.", count=MAX_CHOICES)
        problems.append(FieldProblem("choices", "missing", said))
    if problems:
        raise Invalid(Message("Please look at the fields marked below. Nothing was changed."), problems=problems)
    row = session.get(AccountField, key)
    if is_new and row is not None:
        raise Conflict(Message("There is a field for this trait already."))
    if row is None:
        if not is_new:
            raise NotFound
        if len(own_fields(session)) >= MOST:
            raise Conflict(Message("There may be at most %(count)s fields.", count=MOST))
        last = session.execute(select(func.max(col(AccountField.position)))).scalar()
        row = AccountField(key=key, position=(last or 0) + 1)
    row.label, row.kind, row.is_filter = dict(label), kind, is_filter
    row.choices = list(choices) if kind == "choice" else []
    session.add(row)
    session.flush()
    _refill(session, [row], None)
    return row


def remove_field(session: Session, key: str) -> None:
    """Staff see it no more; the traits themselves stay."""
    row = session.get(AccountField, key)
    if row is None:
        raise NotFound
    session.delete(row)
    session.flush()


def values_in_use(session: Session) -> dict[str, tuple[str, ...]]:
    """For each filterable field the values there are, to choose from."""
    found = {}
    for one in own_fields(session):
        if one.is_filter:
            found[one.key] = different(
                session, col(AccountFieldValue.value), col(AccountFieldValue.field_key) == one.key
            )
    return found


def accounts_with(key: str, value: str) -> Select[int]:
    """The ids of the accounts of which a filterable field says `value`."""
    asked: Select[int] = select(col(AccountFieldValue.account_id)).where(
        col(AccountFieldValue.field_key) == key, col(AccountFieldValue.value) == value
    )
    return asked


def as_text(value: object) -> str:
    """A trait as it is shown in a form and filtered by."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return "" if value is None or isinstance(value, dict | list) else str(value)


def on_accounts_changed(session: Session, change: AccountChange, _now: datetime) -> None:
    """Keep the rows of filterable fields: for the composition root to subscribe."""
    fields = [one for one in own_fields(session) if one.is_filter]
    if fields:
        _refill(session, fields, change.account_ids)


def _refill(session: Session, fields: Sequence[AccountField], accounts: Collection[int] | None) -> None:
    keys = [one.key for one in fields]
    gone = delete(AccountFieldValue).where(col(AccountFieldValue.field_key).in_(keys))
    asked = select(col(Account.id), col(Account.traits))
    if accounts is None:
        session.connection().execute(gone)
        rows = session.connection().execute(asked).all()
    else:
        rows = []
        for some in chunks(sorted(accounts), 5_000):
            given = {"ids": list(some)}
            session.connection().execute(gone.where(col(AccountFieldValue.account_id).in_(some)))
            rows += session.connection().execute(asked.where(among(col(Account.id), "ids")), given).all()
    new = [
        {"field_key": key, "value": value[:LONGEST_VALUE], "account_id": account_id}
        for account_id, traits in rows
        for key in (one.key for one in fields if one.is_filter)
        if (value := as_text(traits.get(key)))
    ]
    insert_missing(session, AccountFieldValue, new, returning=["account_id"])  # somebody else may have, just now


def _reader(kind: str, choices: tuple[str, ...]) -> Reader:
    def number(value: object, _zone: ZoneInfo) -> object:
        found = number_in(value)
        if found is None:
            raise Unreadable("not_a_number", Message("“%(value)s” is not a number", value=shown(value)))
        return int(found) if found == found.to_integral_value() else float(found)

    def calendar_day(value: object, zone: ZoneInfo) -> object:
        found = day(value, zone)
        assert isinstance(found, date)
        return found.isoformat()

    def yes_no(value: object, _zone: ZoneInfo) -> object:
        word = unicodedata.normalize("NFKC", str(value)).strip().lower()
        if word in YES or word in NO:
            return word in YES
        raise Unreadable("not_yes_no", Message("“%(value)s” is neither yes nor no", value=shown(value)))

    def choice(value: object, _zone: ZoneInfo) -> object:
        word = str(value).strip()
        if word in choices:
            return word
        said = Message("“%(value)s” is none of: %(choices)s", value=shown(value), choices=", ".join(choices))
        raise Unreadable("not_a_choice", said)

    known: Mapping[str, Reader] = {"number": number, "day": calendar_day, "yes_no": yes_no, "choice": choice}
    return known.get(kind, text(500))
