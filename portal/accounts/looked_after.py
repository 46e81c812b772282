"""Which customers are whose: by the owner that is written on them, an address or a name.

Any name may be written there, since a file may tell of people who are not here yet; whether it is anybody's is said
wherever it is written, because “my day” and all lists of one's own customers go by it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import ColumnElement, func, select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.accounts.staff import list_staff
from portal.accounts.viewers import StaffViewer
from portal.kit.i18n import Message

MINE = "mine"
"""In an address in place of an owner: whoever looks."""


def names_of(viewer: StaffViewer) -> frozenset[str]:
    """What a colleague is written as where they own a customer."""
    return frozenset({viewer.email_key, _compared(viewer.name)}) - {""}


def looked_after_by(names: Collection[str], *, on_the_way: bool = False) -> ColumnElement[bool]:
    """Whether a customer is looked after by somebody who is called one of `names`.

    The few different owners are compared, from one to the next along their index, and not those of every customer.
    `on_the_way`: the customers are found by other conditions, fewer than anybody looks after, and not by their owner.
    """
    owner = select(func.min(col(Account.owner)).label("owner")).cte(recursive=True)
    beyond = select(func.min(col(Account.owner))).where(col(Account.owner) > owner.c.owner).scalar_subquery()
    owner = owner.union_all(select(beyond).where(owner.c.owner.is_not(None)))
    called = select(owner.c.owner).where(func.lower(func.trim(owner.c.owner)).in_(sorted(names)))
    return (func.coalesce(col(Account.owner), "") if on_the_way else col(Account.owner)).in_(called)


def colleagues_called(session: Session) -> frozenset[str]:
    """What the vendor's people may be written as, as it is compared."""
    return frozenset(name for one in list_staff(session) for name in (one.email_key, _compared(one.name)) if name)


def strangers(session: Session, owners: Iterable[str | None]) -> list[str]:
    """Those of these owners whom none of the vendor's people is called, each once, in order."""
    written = {owner for owner in owners if owner and owner.strip()}
    known = colleagues_called(session) if written else ()
    return sorted(owner for owner in written if _compared(owner) not in known)


def owners_to_offer(session: Session, used: Iterable[str]) -> list[tuple[str, str]]:
    """What to offer as an owner, each with a word on it: colleagues by address, then whoever else is written so."""
    return [*((one.email, one.name) for one in list_staff(session)), *((one, "") for one in strangers(session, used))]


def stranger_words(owner: str) -> Message:
    """What it means that nobody is called so."""
    return Message(
        "None of your colleagues is called “%(owner)s”: this customer is in nobody's own lists.", owner=owner
    )


def _compared(name: str) -> str:
    return name.strip().lower()
