"""What checklists tell others: a step was completed, a checklist was, a deadline passed. In the same transaction.

Each is told once: a completion that a late event moves to an earlier instant is the same completion. Whoever listens is
subscribed by the composition root.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from portal.accounts.changes import Subscribers


@dataclass(frozen=True)
class StepCompleted:
    """A step is done for the account. `account` is its external id; `how` is in the contract's words."""

    account: str
    checklist: str
    version: int
    step: str
    at: datetime
    how: str


@dataclass(frozen=True)
class ChecklistCompleted:
    """All that the checklist asks for is done."""

    account: str
    checklist: str
    version: int
    at: datetime


@dataclass(frozen=True)
class ChecklistOverdue:
    """The deadline `due_at` has passed, and the checklist is not completed."""

    account: str
    checklist: str
    version: int
    due_at: datetime


News = StepCompleted | ChecklistCompleted | ChecklistOverdue

subscribers: Subscribers[Sequence[News]] = Subscribers()
subscribe = subscribers.subscribe
