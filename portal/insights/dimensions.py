"""By what the monthly figures can be told apart: an open list. A room with more to tell apart by adds its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.conditions.models import SegmentAccount
from portal.conditions.segments import segments
from portal.kit.i18n import Message

NONE = ""
"""The group of customers without a plan, tier or owner."""
Groups = Callable[[Session], Mapping[int, Sequence[str]]]


@dataclass(frozen=True)
class Dimension:
    """`groups` names, for each customer by id, the groups it is in as things are now: one, several, or none."""

    key: str
    word: Message
    groups: Groups


def _by(column: str) -> Groups:
    def groups(session: Session) -> Mapping[int, Sequence[str]]:
        rows = session.execute(select(col(Account.id), getattr(Account, column)))
        return {account_id or 0: (value or NONE,) for account_id, value in rows}

    return groups


def _by_segment(session: Session) -> Mapping[int, Sequence[str]]:
    live = {one.key for one in segments(session).all}
    found: dict[int, list[str]] = {}
    for account_id, key in session.execute(select(col(SegmentAccount.account_id), col(SegmentAccount.segment_key))):
        if key in live:
            found.setdefault(account_id, []).append(key)
    return found


_known: dict[str, Dimension] = {
    one.key: one
    for one in (
        Dimension("plan", Message("Plan"), _by("plan_key")),
        Dimension("tier", Message("Tier"), _by("tier")),
        Dimension("owner", Message("Owner"), _by("owner")),
        Dimension("segment", Message("Segment"), _by_segment),
    )
}


def add(dimension: Dimension) -> None:
    """Tell apart by this, too; one of the same key takes the place of the former."""
    _known[dimension.key] = dimension


def known() -> tuple[Dimension, ...]:
    """Every dimension, in the order in which they were added."""
    return tuple(_known.values())
