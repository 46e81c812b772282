"""Who would come into live checklists, and go out of them, if segments asked for something else.

The rules are those of enrolling (`enrollment`), asked of everybody at once and written nowhere.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.checklists.again import naming_segments
from portal.checklists.catalog import catalog
from portal.checklists.definition import Definition
from portal.checklists.enrollment import first_day
from portal.checklists.models import Checklist, Enrollment
from portal.conditions.bulk import accounts_in
from portal.conditions.model import Condition, segments_of
from portal.conditions.segments import expanded
from portal.kit.clock import day_start
from portal.kit.sql import among


@dataclass(frozen=True)
class Moved:
    """What becomes of one checklist. Both lists hold `(external id, name)` of the first, by name; counts are of all."""

    key: str
    title: Mapping[str, str]
    coming: int
    coming_names: Sequence[tuple[str, str]]
    going: int
    going_names: Sequence[tuple[str, str]]


def moved_by(
    session: Session,
    asking: Mapping[str, Condition],
    changed: Collection[str],
    *,
    named: int,
    now: datetime,
    zone: ZoneInfo,
) -> list[Moved]:
    """Every live checklist that is for others once the segments ask for what `asking` says of all of them.

    `changed` are the segments that are not as they were; checklists for whom nothing changes are left out. Long for
    many accounts: call it where nothing waits.
    """
    live = catalog(session)
    found = []
    for key in naming_segments(session, changed):
        definition = live.live_of(key).definition
        if definition.audience is None or not segments_of(definition.audience) & set(changed):
            continue
        belongs = accounts_in(session, expanded(definition.audience, asking), now=now, zone=zone)
        coming, going = _against(session, definition, belongs, zone=zone)
        if coming or going:
            found.append(
                Moved(
                    key,
                    definition.title,
                    len(coming),
                    first_names(session, coming, most=named),
                    len(going),
                    first_names(session, going, most=named),
                )
            )
    return found


def first_names(session: Session, accounts: Collection[int], *, most: int) -> list[tuple[str, str]]:
    """`(external id, name)` of the first `most` of these accounts by name."""
    asked = select(col(Account.external_id), col(Account.name)).where(among(col(Account.id), "ids"))
    some = asked.order_by(col(Account.name), col(Account.id)).limit(most)
    return [(row[0], row[1]) for row in session.connection().execute(some, {"ids": sorted(accounts)})]


def _against(
    session: Session, definition: Definition, belongs: set[int], *, zone: ZoneInfo
) -> tuple[set[int], set[int]]:
    """Who would come in and who would go out, against the runs there are."""
    runs = select(col(Enrollment.account_id), col(Enrollment.withdrawn_at), col(Enrollment.completed_at))
    standing: set[int] = set()
    coming: set[int] = set()
    going: set[int] = set()
    for account_id, withdrawn_at, completed_at in session.connection().execute(
        runs.where(col(Enrollment.checklist_key) == definition.key)
    ):
        standing.add(account_id)
        if withdrawn_at is not None and account_id in belongs:
            coming.add(account_id)
        elif withdrawn_at is None and completed_at is None and account_id not in belongs:
            going.add(account_id)
    published = select(col(Checklist.first_published_at)).where(col(Checklist.key) == definition.key)
    first = first_day(definition, session.connection().execute(published).scalar_one(), zone)
    late = select(col(Account.id)).where(col(Account.started_at) >= day_start(first, zone))
    fresh = {one for one in session.connection().scalars(late) if one is not None}
    return coming | ((belongs & fresh) - standing), going
