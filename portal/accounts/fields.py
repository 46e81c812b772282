"""What can be said about a customer or a person, in a CSV cell, a trait or an API field: one reader for each.

A reader takes text or a JSON value and gives the value the tables hold, or says what is wrong with it. Numbers and
dates are taken as people in Japan type them, full width and with separators; names are kept as they are written.
Dates alone are days in the vendor's zone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from zoneinfo import ZoneInfo

from portal.accounts.rules import is_email
from portal.kit.clock import day_start
from portal.kit.errors import FieldProblem
from portal.kit.i18n import Message

DAY = re.compile(r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})$")
MOMENT = re.compile(
    r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})[Tt ](\d{1,2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*"
    r"([Zz]|[+-]\d{2}:?\d{2})?$"
)
LOCALE_TAG = re.compile(r"^[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*$")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
FIRST_YEAR, LAST_YEAR = 1970, 2199
MOST_SEATS = 2_000_000_000
MOST_MONEY = Decimal("999999999999.99")


class Unreadable(ValueError):
    """A value that does not fit its field."""

    def __init__(self, code: str, message: Message) -> None:
        super().__init__(str(message))
        self.code = code
        self.message = message


Reader = Callable[[object, ZoneInfo], object]


@dataclass(frozen=True)
class Reading:
    """What was understood, ready for the services, and what was not."""

    changes: dict[str, object]
    problems: tuple[FieldProblem, ...]


def read_fields(given: Mapping[str, object], readers: Mapping[str, Reader], *, zone: ZoneInfo) -> Reading:
    """Read every known field of `given`; `None` and blank text mean "clear it". Unknown fields are left alone."""
    changes: dict[str, object] = {}
    problems: list[FieldProblem] = []
    for name, value in given.items():
        reader = readers.get(name)
        if reader is None:
            continue
        try:
            blank = value is None or (isinstance(value, str) and not value.strip())
            changes[name] = None if blank else reader(value, zone)
        except Unreadable as error:
            problems.append(FieldProblem(name, error.code, error.message))
    return Reading(changes, tuple(problems))


def read_traits(given: Mapping[str, object], readers: Mapping[str, Reader], *, zone: ZoneInfo) -> dict[str, object]:
    """Changes from the traits of an event, which must never be refused: what does not fit is kept as a plain trait."""
    named = {ALIASES.get(name, name): name for name in given}
    if readers is MEMBER_FIELDS and "created_at" in named and "joined_at" not in named:
        named["joined_at"] = named.pop("created_at")
    reading = read_fields({field: given[name] for field, name in named.items()}, readers, zone=zone)
    traits = {name: given[name] for field, name in named.items() if field not in reading.changes}
    return {**reading.changes, **({"traits": traits} if traits else {})}


# --- readers ----------------------------------------------------------------------------------------------------------


def text(longest: int, *, lines: bool = False) -> Reader:
    """Text of up to `longest` characters, trimmed; over several lines where `lines`."""

    def read(value: object, _zone: ZoneInfo) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Unreadable("not_text", Message("this is not text"))
        trimmed = str(value).strip()
        if len(trimmed) > longest:
            raise Unreadable("too_long", Message("this is longer than %(longest)s characters", longest=longest))
        if CONTROL.search(trimmed) or (not lines and re.search(r"[\t\r\n\u2028\u2029]", trimmed)):
            raise Unreadable("control_character", Message("this contains a line break or a control character"))
        if any("\ud800" <= character <= "\udfff" for character in trimmed):
            raise Unreadable("not_text", Message("this is not text"))
        return trimmed

    return read


def address(value: object, zone: ZoneInfo) -> str:
    """A mail address, kept as written but for widths and spaces."""
    written = unicodedata.normalize("NFKC", str(text(254)(value, zone))).strip()
    if not is_email(written):
        raise Unreadable("not_an_address", Message("“%(value)s” is not a mail address", value=shown(written)))
    return written


def count(value: object, _zone: ZoneInfo) -> int:
    """A whole number from 0: `1,200`, `１２００`, `1200.0`."""
    number = number_in(value)
    if number is None or number != number.to_integral_value():
        raise Unreadable("not_a_number", Message("“%(value)s” is not a whole number", value=shown(value)))
    if not 0 <= number <= MOST_SEATS:
        raise Unreadable("out_of_range", Message("this must lie between 0 and %(most)s", most=f"{MOST_SEATS:,}"))
    return int(number)


def money(value: object, _zone: ZoneInfo) -> Decimal:
    """An amount with at most two decimals, without its currency."""
    number = number_in(value)
    if number is None:
        raise Unreadable(
            "not_a_number", Message("“%(value)s” is not an amount; write digits alone, like 50000", value=shown(value))
        )
    if not 0 <= number <= MOST_MONEY:
        raise Unreadable("out_of_range", Message("this must lie between 0 and %(most)s", most=f"{MOST_MONEY:,}"))
    if number != number.quantize(Decimal("0.01")):
        raise Unreadable("too_precise", Message("this has more than two decimals"))
    return number


def currency(value: object, _zone: ZoneInfo) -> str:
    """Three letters: `JPY`."""
    code = unicodedata.normalize("NFKC", str(value)).strip().upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise Unreadable(
            "not_a_currency",
            Message("“%(value)s” is not a currency; write three letters, like JPY", value=shown(value)),
        )
    return code


def role(value: object, zone: ZoneInfo) -> str:
    """`admin`, `member`, or the vendor's own word."""
    word = str(text(64)(value, zone))
    plain = unicodedata.normalize("NFKC", word).lower()
    return plain if plain in ("admin", "member") else word


def locale_tag(value: object, zone: ZoneInfo) -> str:
    """A language: `ja`, `en-GB`."""
    tag = unicodedata.normalize("NFKC", str(text(35)(value, zone))).replace("_", "-")
    if not LOCALE_TAG.match(tag):
        raise Unreadable("not_a_language", Message("“%(value)s” is not a language; write ja or en", value=shown(value)))
    return tag


def day(value: object, zone: ZoneInfo) -> date:
    """A calendar day: `2026-04-01`, `2026/4/1`, or the day of a moment in the vendor's zone."""
    read = _day_or_moment(value, zone)
    return read.astimezone(zone).date() if isinstance(read, datetime) else read


def moment(value: object, zone: ZoneInfo) -> datetime:
    """An instant: RFC 3339, or a time of day or a day alone in the vendor's zone (a day is its first instant)."""
    read = _day_or_moment(value, zone)
    return read if isinstance(read, datetime) else day_start(read, zone)


def _day_or_moment(value: object, zone: ZoneInfo) -> date | datetime:
    written = unicodedata.normalize("NFKC", value).strip() if isinstance(value, str) else ""
    try:
        if found := DAY.match(written):
            return _in_range(date(int(found[1]), int(found[2]), int(found[3])))
        if found := MOMENT.match(written):
            return _moment(found, zone)
    except ValueError:
        pass
    raise Unreadable(
        "not_a_date", Message("“%(value)s” is not a date; write it like 2026-04-01 or 2026/4/1", value=shown(value))
    )


def _moment(found: re.Match[str], zone: ZoneInfo) -> datetime:
    year, month, day_of_month, hour, minute = (int(found[place]) for place in range(1, 6))
    micro = int((found[7] or "0").ljust(6, "0")[:6])
    read = datetime(year, month, day_of_month, hour, minute, min(int(found[6] or 0), 59), micro, tzinfo=zone)
    _in_range(read.date())
    offset = found[8]
    if offset:
        suffix = "+00:00" if offset in "Zz" else offset
        read = datetime.fromisoformat(read.replace(tzinfo=None).isoformat() + suffix)
    return read.astimezone(UTC)


def _in_range(read: date) -> date:
    if not FIRST_YEAR <= read.year <= LAST_YEAR:
        raise ValueError(read)
    return read


def number_in(value: object) -> Decimal | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
    elif isinstance(value, str):
        digits = unicodedata.normalize("NFKC", value).strip()
        if not re.fullmatch(r"[+-]?(\d{1,30}|\d{1,3}([,、]\d{3}){1,9})(\.\d{1,30})?", digits, re.ASCII):
            return None
        try:
            number = Decimal(re.sub(r"[,、]", "", digits))
        except InvalidOperation:
            return None
    else:
        return None
    return number if number.is_finite() and abs(number) < Decimal(10) ** 20 else None


def shown(value: object) -> str:
    """`value` in a message: on one line, not longer than a line."""
    flat = re.sub(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]+", " ", str(value))
    return flat if len(flat) <= 60 else f"{flat[:57]}…"


def domains(value: object, zone: ZoneInfo) -> list[str]:
    """Domains of mail addresses, separated by commas, spaces or lines: `aoba.example, aoba.co.jp`."""
    written = unicodedata.normalize("NFKC", str(text(1000, lines=True)(value, zone))).lower()
    found = list(dict.fromkeys(one.lstrip("@") for one in re.split(r"[\s,、;]+", written) if one))
    for one in found:
        if not is_email(f"name@{one}"):
            raise Unreadable(
                "not_a_domain", Message("“%(value)s” is not a domain; write it like example.com", value=shown(one))
            )
    return found


identifier = text(200)

ACCOUNT_FIELDS: dict[str, Reader] = {
    "name": text(200),
    "name_kana": text(200),
    "plan": text(64),
    "seats": count,
    "tier": text(64),
    "owner": text(200),
    "created_at": moment,
    "started_at": moment,
    "renews_at": day,
    "notice_by": day,
    "mrr": money,
    "currency": currency,
    "notice_at": moment,
    "left_at": moment,
    "goal": text(1000, lines=True),
}

MEMBER_FIELDS: dict[str, Reader] = {
    "email": address,
    "name": text(200),
    "name_kana": text(200),
    "role": role,
    "department": text(200),
    "locale": locale_tag,
    "joined_at": moment,
    "left_at": moment,
}

ALIASES = {
    "createdAt": "created_at",
    "startedAt": "started_at",
    "renewsAt": "renews_at",
    "leftAt": "left_at",
    "nameKana": "name_kana",
    "joinedAt": "joined_at",
}
"""Traits as JavaScript people write them."""
