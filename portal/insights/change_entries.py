"""What colleagues changed about a customer and its people, as entries of its timeline: what it was and what it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from portal.accounts.described import CUSTOMER_FIELDS, PERSON_FIELDS
from portal.accounts.trail_models import TrailEntry
from portal.insights.audit_words import CUSTOMER
from portal.insights.entries import Entry, Place, earlier
from portal.kit.dates import day
from portal.kit.i18n import Locale, Message

CHANGED = 9
"""Their rank among what happened at the same moment."""
PERSON = f"{CUSTOMER}/people/{{member_id}}"
WORDS: Mapping[str, Message] = {
    "/staff/new-customer": Message("Added to the customers"),
    f"{CUSTOMER}/edit": Message("Data changed"),
    f"{CUSTOMER}/leave": Message("Leaving was noted"),
    f"{CUSTOMER}/return": Message("Stays a customer"),
    f"{CUSTOMER}/people/new": Message("Added %(name)s"),
    PERSON: Message("Data of %(name)s changed"),
    f"{PERSON}/leave": Message("Noted when %(name)s leaves"),
    f"{PERSON}/return": Message("%(name)s stays"),
}
LABELS: Mapping[str, Message] = {
    **{one.name: one.label for one in (*CUSTOMER_FIELDS, *PERSON_FIELDS)},
    "plan_key": Message("Plan"),
    "notice_at": Message("Notice given"),
    "left_at": Message("Left"),
}
DAYS = {one.name for one in (*CUSTOMER_FIELDS, *PERSON_FIELDS) if one.kind == "date"} | {"notice_at", "left_at"}
BEGINNINGS = ("/staff/new-customer", f"{CUSTOMER}/people/new")
"""What was said first is no change: it stands on the page."""


def change_entries(
    session: Session,
    account_id: int,
    names: Mapping[int, str],
    before: Place | None,
    limit: int,
    locale: Locale,
    zone: ZoneInfo,
) -> list[Entry]:
    """What was changed of a customer in the browser, before a place in the timeline, newest first."""
    at, number = col(TrailEntry.at), col(TrailEntry.id)
    rows = session.exec(
        select(TrailEntry)
        .where(
            col(TrailEntry.account_id) == account_id,
            col(TrailEntry.kind) == "changed",
            col(TrailEntry.act).in_(WORDS),
            *earlier(at, number, CHANGED, before),
        )
        .order_by(at.desc(), number.desc())
        .limit(limit)
    )
    return [
        Entry(
            place=Place(row.at, CHANGED, row.id or 0),
            kind="changed",
            text=Message(WORDS[row.act].msgid, name=_person(row, names)),
            who=row.by_name,
            note="" if row.act in BEGINNINGS else "\n".join(_lines(row.detail.get("changes", {}), locale, zone)),
        )
        for row in rows
    ]


def _person(row: TrailEntry, names: Mapping[int, str]) -> str:
    if row.member_id is not None and row.member_id in names:
        return names[row.member_id]
    told: Mapping[str, Any] = next(
        (fields for of, fields in row.detail.get("changes", {}).items() if of.startswith("member ")), {}
    )
    return next((str(told[one][1]) for one in ("name", "email", "external_id") if one in told), "–")


def _lines(changes: Mapping[str, Any], locale: Locale, zone: ZoneInfo) -> Iterator[str]:
    for fields in changes.values():
        for name, (before, after) in fields.items():
            if name in LABELS:
                was, now = (_said(name, value, locale, zone) for value in (before, after))
                yield Message("%(what)s: %(before)s → %(after)s", what=LABELS[name], before=was, after=now).into(locale)
            elif name == "traits":
                yield from _traits(before or {}, after or {})


def _traits(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield f"{name}: {before.get(name, '–')} → {after.get(name, '–')}"


def _said(name: str, value: Any, locale: Locale, zone: ZoneInfo) -> str:
    if value in (None, "", []):
        return "–"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    text = str(value)
    if name not in DAYS:
        return text
    return day(datetime.fromisoformat(text) if "T" in text else date.fromisoformat(text), locale=locale, zone=zone)
