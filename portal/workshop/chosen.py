"""Who was chosen in a list: those that were ticked, or all that the list holds, which is found again by its own words.

`among` names a list as its address does: `accounts?plan=pro`, `stuck?checklist=start`, or `ids?1,2,3` for what was
counted elsewhere. The list of the stuck ticks its customers by number, the others by their ids.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.listing import ids_of
from portal.accounts.looked_after import MINE
from portal.accounts.models import Account
from portal.checklists.stuck import Narrowed, stuck_ids
from portal.checklists.thresholds import WHYS
from portal.kit.db import chunks
from portal.segments.narrowing import filters_of


def chosen(
    session: Session,
    *,
    ticked: Collection[str],
    among: str,
    all_of_it: bool,
    names: frozenset[str] = frozenset(),
    now: datetime,
    zone: ZoneInfo,
) -> list[int]:
    """The ids of the accounts that are meant, in order; names nobody has are left out. `names` are those under which
    the colleague who asks looks after customers."""
    if all_of_it and among:
        return _all(session, among, names, now=now, zone=zone)
    if among.startswith("stuck?"):
        return existing(session, numbers_in(",".join(ticked)))
    found: list[int] = []
    for some in chunks(sorted(set(ticked))):
        found += [
            one or 0
            for one in session.execute(select(col(Account.id)).where(col(Account.external_id).in_(some))).scalars()
        ]
    return sorted(found)


def existing(session: Session, ids: Sequence[int]) -> list[int]:
    """Those of `ids` that are accounts."""
    found: list[int] = []
    for some in chunks(sorted(set(ids))):
        found += [
            one or 0 for one in session.execute(select(col(Account.id)).where(col(Account.id).in_(some))).scalars()
        ]
    return sorted(found)


def numbers_in(text: str) -> list[int]:
    """`"1,2,3"` as numbers; what is none is left out."""
    return [int(one) for one in text.split(",") if one.isdecimal() and len(one) < 10]


def _all(session: Session, among: str, names: frozenset[str], *, now: datetime, zone: ZoneInfo) -> list[int]:
    kind, _, asked = among.partition("?")
    if kind == "ids":
        return existing(session, numbers_in(asked))
    query = dict(parse_qsl(asked))
    if kind == "stuck":
        why = next((one for one in WHYS if one == query.get("why")), None)
        plan, owner = query.get("plan", ""), query.get("owner", "")
        narrowed = Narrowed(plan, names=names) if owner == MINE else Narrowed(plan, owner)
        checklist = query.get("checklist") or None
        return sorted(stuck_ids(session, now=now, zone=zone, checklist=checklist, why=why, narrowed=narrowed))
    if kind != "accounts":
        return []
    return sorted(ids_of(session, filters=filters_of(query), now=now))
