"""The same act asked for twice under one `Idempotency-Key` is done once, and answered twice alike.

Whoever lost an answer on the way may ask again without fear. The answer is kept in the transaction of the act itself,
so there is never one without the other, and an act that failed has left nothing: asked again, it is tried again.
Answers may hold a secret that is shown once, so they are kept encrypted; of the request a hash is kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update
from sqlmodel import Session, col

from portal.accounts.errors import AnswerLost, KeyReused
from portal.accounts.inserts import insert_missing
from portal.accounts.models import Answer
from portal.kit.db import secrets_of

KEPT = timedelta(hours=24)
KEY_CHARS = 255


def answer_once(
    session: Session, *, api_key_id: int, key: str, asked: bytes, answer: Callable[[], str], now: datetime
) -> tuple[str, bool]:
    """What `answer` says, and False; or what it said when it was asked under this key in the last 24 hours, and True.

    `asked` is the request as far as it matters. `KeyReused` where the key was used for another one,
    `AnswerLost` where the secret key was changed so often since that what was kept cannot be opened.
    """
    mine = (col(Answer.api_key_id) == api_key_id, col(Answer.key_hash) == _hash(key.encode()))
    connection = session.connection()
    connection.execute(delete(Answer).where(*mine, col(Answer.at) <= now - KEPT))
    row = {"api_key_id": api_key_id, "key_hash": _hash(key.encode()), "asked_hash": _hash(asked), "at": now}
    # The row comes before the act: on PostgreSQL whoever asks meanwhile waits here, and then finds the answer.
    if insert_missing(session, Answer, [{**row, "answer": ""}], returning=["api_key_id"]):
        said = answer()
        kept = secrets_of(session).encrypt(said)
        connection.execute(update(Answer).where(*mine).values(answer=kept))
        return said, False
    asked_hash, kept = connection.execute(select(col(Answer.asked_hash), col(Answer.answer)).where(*mine)).one()
    if asked_hash != row["asked_hash"]:
        raise KeyReused
    try:
        return secrets_of(session).decrypt(kept), True
    except ValueError as error:
        raise AnswerLost from error


def forget_answers(session: Session, *, now: datetime) -> None:
    """Forget the answers nobody gets any more."""
    session.connection().execute(delete(Answer).where(col(Answer.at) <= now - KEPT))


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()
