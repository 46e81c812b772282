"""Which customers are whose: by the owner that is written on them, an address or a name."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, func
from sqlmodel import col

from portal.accounts.models import Account
from portal.accounts.viewers import StaffViewer


def names_of(viewer: StaffViewer) -> frozenset[str]:
    """What a colleague is written as where they own a customer."""
    return frozenset({viewer.email_key, viewer.name.strip().lower()}) - {""}


def looked_after_by(names: Collection[str]) -> ColumnElement[bool]:
    """Whether a customer is looked after by somebody who is called one of `names`."""
    return func.lower(func.trim(col(Account.owner))).in_(sorted(names))
