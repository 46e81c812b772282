"""What a failing database means to the caller: not now, never with such a value, or a fault of ours."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from portal.kit.errors import BansoError, Invalid, NotFound, Unavailable
from portal.kit.i18n import Message

SERIALIZATION_FAILURES = frozenset({"40001", "40P01"})
NOT_NOW = frozenset({"08", "53", "55P03", "57P01", "57P02", "57P03"})
"""No connection, no resources, a lock not granted, shutting down or starting up."""
UNSTORABLE = frozenset({"22003", "22021", "22P05"})
"""A value out of every range, and a character that is none (NUL)."""


def refused(error: BaseException, *, reading: bool) -> BansoError | None:
    """What the caller is told instead of `error`; None where it is a fault of ours."""
    if is_unavailable(error):
        return unavailable(error)
    if _is_unstorable(error):
        said = Message("This has a character or a number that cannot be stored. Nothing was changed.")
        failure: BansoError = NotFound() if reading else Invalid(said)
        failure.__cause__ = error
        return failure
    return None


def unavailable(error: BaseException) -> Unavailable:
    """What a caller is told when the database cannot be reached, is full or is locked for too long."""
    failure = Unavailable(Message("The database cannot take this right now. Nothing was changed; please try again."))
    failure.__cause__ = error
    return failure


def is_unavailable(error: BaseException) -> bool:
    """Whether `error` means "not now" rather than a fault in the work itself."""
    if isinstance(error, PoolTimeout | ConnectionError):
        return True
    if isinstance(error, OperationalError | InterfaceError):
        if isinstance(error.orig, sqlite3.Error):
            said = str(error.orig)
            return any(sign in said for sign in ("locked", "full", "disk I/O", "unable to open"))
        return True
    if not isinstance(error, DBAPIError):
        return False
    state = _state_of(error)
    return bool(error.connection_invalidated) or state[:2] in NOT_NOW or state in NOT_NOW


def lost_a_race(error: DBAPIError) -> bool:
    """Whether another transaction was first, and this one may simply be run again."""
    return _state_of(error) in SERIALIZATION_FAILURES


def _is_unstorable(error: BaseException) -> bool:
    """Whether a value was given that no column can hold: such a number or character comes from an address or a form."""
    if isinstance(error, OverflowError):
        return "SQLite" in str(error)
    if not isinstance(error, DBAPIError):
        return False
    # asyncpg says 22000 of what it cannot even send: a number too large, but also a value of the wrong type.
    return _state_of(error) in UNSTORABLE or "value out of" in str(error.orig)


def _state_of(error: DBAPIError) -> str:
    """The SQLSTATE that PostgreSQL gave."""
    return getattr(error.orig, "sqlstate", None) or ""
