"""Narrowing a list of customers to a segment, and by the vendor's own fields."""

from __future__ import annotations

from sqlalchemy import Select, select
from sqlmodel import col

from portal.accounts.own_fields import accounts_with
from portal.conditions.models import SegmentAccount


def among(*, segment: str, own: str) -> Select[int] | None:
    """The customers in a segment, and of whom an own field says what follows the colon."""
    asked: Select[int] | None = None
    if segment:
        asked = select(col(SegmentAccount.account_id)).where(col(SegmentAccount.segment_key) == segment)
    if own:
        key, _, value = own.partition(":")
        with_value = accounts_with(key, value)
        asked = with_value if asked is None else asked.where(col(SegmentAccount.account_id).in_(with_value))
    return asked
