"""Telling the rooms above that an account's checklists are not as they were, in the transaction of the change.

Not what happened, only whose: whoever listens looks for itself, once the transaction is over.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from portal.accounts.changes import Subscribers


@dataclass(frozen=True)
class RunsChanged:
    """What these accounts are shown may be another; for those `ticked` a step was completed, or taken back."""

    account_ids: frozenset[int]
    ticked: frozenset[int] = frozenset()


on_runs_changed: Subscribers[RunsChanged] = Subscribers()
"""Hear of it, in the same transaction: `on_runs_changed.subscribe(listener)`."""


def tell(session: Session, accounts: Collection[int], *, ticked: Collection[int] = (), now: datetime) -> None:
    """Say so, should anyone be concerned."""
    if accounts:
        on_runs_changed.tell(session, RunsChanged(frozenset(accounts), frozenset(ticked)), now=now)
