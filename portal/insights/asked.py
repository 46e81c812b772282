"""What the address of a report asks for, read with care: an odd word means the default, never an error page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from portal.checklists.report import BYS, UNITS, By, Unit
from portal.kit.clock import day_end
from portal.kit.errors import NotFound

WRITTEN = re.compile(
    r"(?P<day>\d{4}-\d{2}-\d{2})"
    r"(?:[Tt ](?P<time>\d{2}:\d{2}:\d{2})(?P<part>\.\d+)?(?P<offset>[Zz]|[+ -]\d{2}:\d{2}))?",
    re.ASCII,
)
FIRST, LAST = date(1970, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Asked:
    """A report as asked for. `as_of` is the moment, `as_of_text` what stands in the address."""

    checklist: str
    by: By
    unit: Unit
    as_of: datetime
    as_of_text: str


def asked_for(*, checklist: str, by: str, unit: str, as_of: str, now: datetime, zone: ZoneInfo) -> Asked:
    """Read the address."""
    at = moment_of(as_of, zone)
    return Asked(
        checklist=checklist,
        by=next((one for one in BYS if one == by), "month"),
        unit=next((one for one in UNITS if one == unit), "account"),
        as_of=at or now,
        as_of_text=as_of if at else "",
    )


def moment_of(text: str, zone: ZoneInfo) -> datetime | None:
    """A day is its last second in `zone`, an RFC 3339 instant is itself; anything else, or a far-off year, is None."""
    found = WRITTEN.fullmatch(text.strip())
    if found is None:
        return None
    try:
        day = date.fromisoformat(found["day"])
        if not FIRST <= day <= LAST:
            return None
        if found["time"] is None:
            return day_end(day, zone)
        # A plus sign that nobody encoded arrives as a space.
        offset = found["offset"].replace(" ", "+").upper().replace("Z", "+00:00")
        return datetime.fromisoformat(f"{day}T{found['time']}{(found['part'] or '')[:7]}{offset}").astimezone(UTC)
    except ValueError:
        return None


def known_checklist(asked: str, keys: list[str]) -> str:
    """The checklist asked for, or the first; `NotFound` for one that is not live."""
    if asked and asked not in keys:
        raise NotFound
    return asked or (keys[0] if keys else "")
