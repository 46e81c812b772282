"""What the list of customers is narrowed to, as its address says it: columns, a segment, the vendor's own fields."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Select, select
from sqlmodel import col

from portal.accounts.listing import STATUSES, Filters
from portal.accounts.own_fields import accounts_with
from portal.conditions.models import SegmentAccount

WORDS = ("q", "plan", "tier", "owner", "status", "segment", "own")
"""All that an address of the list can say. Whoever acts on everybody in a list takes all of it along: a word left out
would reach too many."""


def filters_of(said: Mapping[str, str]) -> Filters:
    """The filters that the words of an address stand for; what is not said filters nothing."""
    return Filters(
        q=said.get("q", ""),
        plan=said.get("plan", ""),
        tier=said.get("tier", ""),
        owner=said.get("owner", ""),
        status=next((one for one in STATUSES if one == said.get("status")), None),
        among=_among(segment=said.get("segment", ""), own=said.get("own", "")),
    )


def _among(*, segment: str, own: str) -> Select[int] | None:
    """The customers in a segment, and of whom an own field says what follows the colon."""
    asked: Select[int] | None = None
    if segment:
        asked = select(col(SegmentAccount.account_id)).where(col(SegmentAccount.segment_key) == segment)
    if own:
        key, _, value = own.partition(":")
        with_value = accounts_with(key, value)
        asked = with_value if asked is None else asked.where(col(SegmentAccount.account_id).in_(with_value))
    return asked
