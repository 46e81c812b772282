"""What was told to other systems of one person: given out, or taken away with the person."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import select
from sqlmodel import Session, col

from portal.accounts.models import Account
from portal.accounts.personal import Person
from portal.webhooks.models import Told
from portal.webhooks.service import forget_member


def held(session: Session, person: Person) -> dict[str, Any]:
    """Every message about the person that is still kept."""
    if person.external_id is None:
        return {"webhooks": []}
    asked = select(col(Told.body)).where(
        col(Told.account) == _account(session, person), col(Told.member) == person.external_id
    )
    return {"webhooks": [orjson.loads(body) for body in session.connection().scalars(asked.order_by(col(Told.at)))]}


def erase(session: Session, person: Person, _now: datetime) -> None:
    """Messages about them go, with what was answered; what waits is then not sent."""
    if person.external_id is not None:
        forget_member(session, account=_account(session, person), member=person.external_id)


def _account(session: Session, person: Person) -> str:
    return (
        session.connection()
        .execute(select(col(Account.external_id)).where(col(Account.id) == person.account_id))
        .scalar_one()
    )
