"""A form that is sent twice, by a double click or by sending again what seemed to be lost, is acted upon once.

Each form that adds something carries a key of its own, and what was sent with it is remembered for a day, as a hash, in
the transaction of the act: an act that failed has left nothing, and is tried again. The same form filled in otherwise
(gone back to, and written anew) is another wish.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Final

import orjson
from sqlalchemy import delete
from sqlmodel import Session, col

from portal.accounts.inserts import insert_missing
from portal.accounts.models import SentForm

FIELD: Final = "once"
KEPT: Final = timedelta(days=1)


def new_key() -> str:
    """For one form, as it is shown."""
    return token_urlsafe(16)


def is_first(session: Session, sent: Mapping[str, str], *, staff_id: int, now: datetime) -> bool:
    """Whether this was not sent before, by this person; from now on it was. A form without a key always is.

    On PostgreSQL whoever sends the same meanwhile waits here, until the first has been acted upon.
    """
    if not sent.get(FIELD):
        return True
    said = [staff_id, sorted((name, text) for name, text in sent.items() if name != "csrf")]
    row = {"digest": hashlib.sha256(orjson.dumps(said)).hexdigest(), "at": now}
    return bool(insert_missing(session, SentForm, [row], returning=["digest"]))


def forget_sent(session: Session, *, now: datetime) -> None:
    """Forget what nobody sends again."""
    session.execute(delete(SentForm).where(col(SentForm.at) <= now - KEPT))
