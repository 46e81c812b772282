"""Telling the rooms above that customers changed, in the same transaction, once for a unit of work.

Who is in the audience of a checklist depends on a customer's plan and people, so checklists must look again whenever
these change; this room knows nothing of checklists. The composition root subscribes them. A service that changed
something says `touched`; inside `gathered`, as bulk work does, the listeners hear once, of everything together.

Subscriptions are for the process and subscribing twice counts once, so building the portal twice is harmless.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from sqlmodel import Session

What = TypeVar("What")
GATHERED = "accounts.gathered"


@dataclass(frozen=True)
class AccountChange:
    """Customers who, or whose people, are not as they were."""

    account_ids: frozenset[int]


class Subscribers(Generic[What]):
    """Functions to be called with the session of the change; one that raises undoes the change."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[Session, What, datetime], None]] = []

    def subscribe(self, listener: Callable[[Session, What, datetime], None]) -> Callable[[], None]:
        """Call `listener` from now on, until the returned function is called."""
        if listener not in self._listeners:
            self._listeners.append(listener)

        def leave() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return leave

    def tell(self, session: Session, what: What, *, now: datetime) -> None:
        """Call everyone, in the order they subscribed."""
        for listener in tuple(self._listeners):
            listener(session, what, now)


Listener = Callable[[Session, AccountChange, datetime], None]
_subscribers: Subscribers[AccountChange] = Subscribers()


def subscribe(listener: Listener) -> Callable[[], None]:
    """Hear of changed customers; the returned function ends it."""
    return _subscribers.subscribe(listener)


def notify(session: Session, change: AccountChange, *, now: datetime) -> None:
    """Tell the listeners now, after what was changed has reached the database."""
    if change.account_ids:
        session.flush()
        _subscribers.tell(session, change, now=now)


def touched(session: Session, account_ids: Iterable[int], *, now: datetime) -> None:
    """These customers or their people changed: the listeners hear at once, or at the end of `gathered`."""
    gathering = session.info.get(GATHERED)
    if gathering is None:
        notify(session, AccountChange(frozenset(account_ids)), now=now)
    else:
        gathering.update(account_ids)


@contextmanager
def gathered(session: Session, *, now: datetime) -> Iterator[None]:
    """Hold the listeners back until the block is done, then tell them once. A block that raises tells nobody."""
    if GATHERED in session.info:
        yield
        return
    gathering: set[int] = set()
    session.info[GATHERED] = gathering
    try:
        yield
    finally:
        del session.info[GATHERED]
    notify(session, AccountChange(frozenset(gathering)), now=now)
