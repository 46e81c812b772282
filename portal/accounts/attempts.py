"""Slowing down whoever guesses: tries are counted by address and by client, in windows, whoever the address is.

What is stored is a keyed hash of the address or client, so the table tells nobody who tried to sign in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import delete, func, select
from sqlmodel import Session, col

from portal.accounts.models import SignInAttempt
from portal.kit.errors import TooMany
from portal.kit.i18n import Message
from portal.kit.secrets import Secrets

Kind = Literal["ask-address", "ask-client", "code-address", "code-client"]

LIMITS: Mapping[Kind, tuple[tuple[timedelta, int], ...]] = {
    "ask-address": ((timedelta(minutes=15), 5), (timedelta(days=1), 20)),
    # Whole offices share one client address.
    "ask-client": ((timedelta(minutes=15), 60),),
    # 30 guesses a day at one of a million codes.
    "code-address": ((timedelta(hours=1), 10), (timedelta(days=1), 30)),
    "code-client": ((timedelta(hours=1), 100),),
}
LONGEST_WINDOW = timedelta(days=1)


def take_attempt(session: Session, secrets: Secrets, kind: Kind, value: str, *, now: datetime) -> None:
    """Count one more try of `kind` by `value`; raises `TooMany` with the wait where there were enough."""
    subject = secrets.mac("sign-in-attempt", f"{kind}:{value}")
    for window, most in LIMITS[kind]:
        since = now - window
        query = select(func.count(), func.min(col(SignInAttempt.at))).where(
            col(SignInAttempt.subject) == subject, col(SignInAttempt.at) > since
        )
        count, first = session.execute(query).one()
        if count >= most:
            raise _too_many(first - since)
    session.add(SignInAttempt(subject=subject, at=now))
    session.flush()


def forget_attempts(session: Session, *, now: datetime) -> None:
    """Delete what no window looks at any more."""
    session.execute(delete(SignInAttempt).where(col(SignInAttempt.at) < now - LONGEST_WINDOW))


def _too_many(wait: timedelta) -> TooMany:
    seconds = max(1, int(wait.total_seconds()) + 1)
    minutes = -(-seconds // 60)
    if minutes < 60:
        said = Message(
            "There were too many attempts. Please try again in %(minutes)s min; a link already mailed still works.",
            minutes=minutes,
        )
    else:
        said = Message(
            "There were too many attempts. Please try again in %(hours)s h; a link already mailed still works.",
            hours=-(-minutes // 60),
        )
    return TooMany(said, retry_after=seconds)
